//! The names on a simulated disk: as the process sees them, and as they would be after a power cut.
//!
//! Changes to names are journalled in order, as common file systems do. Syncing a directory makes the changes that touch
//! it durable; of the others a power cut keeps a prefix, which may be empty. A name whose directory was lost is lost with it.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::disk::Inode;
use crate::Chance;

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Node {
    Directory,
    File(Arc<Inode>),
}

#[derive(Default)]
pub(super) struct Namespace {
    now: Names,
    durable: Names,
    pending: Vec<Change>,
}

type Names = BTreeMap<PathBuf, Node>;

enum Change {
    Make { path: PathBuf, node: Node },
    Rename { from: PathBuf, to: PathBuf, node: Node },
    Remove { path: PathBuf },
}

impl Namespace {
    pub(super) fn find(&self, path: &Path) -> Option<&Node> {
        self.now.get(path)
    }

    pub(super) fn has_directory(&self, path: &Path) -> bool {
        is_root(path) || matches!(self.now.get(path), Some(Node::Directory))
    }

    /// The names right below `path`, sorted.
    pub(super) fn children<'a>(
        &'a self,
        path: &'a Path,
    ) -> impl Iterator<Item = (&'a Path, &'a Node)> {
        self.now
            .iter()
            .filter(move |(child, _)| child.parent() == Some(path))
            .map(|(child, node)| (child.as_path(), node))
    }

    pub(super) fn make(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if !self.has_directory(parent) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Make { path: path.to_owned(), node });
        Ok(())
    }

    pub(super) fn make_directories(&mut self, path: &Path) -> io::Result<()> {
        let mut missing: Vec<&Path> = Vec::new();
        for directory in path.ancestors() {
            if is_root(directory) {
                break;
            }
            match self.now.get(directory) {
                Some(Node::Directory) => break,
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => missing.push(directory),
            }
        }
        missing.into_iter().rev().try_for_each(|directory| self.make(directory, Node::Directory))
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.now.get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), node });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        if !self.now.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change(Change::Remove { path: path.to_owned() });
        Ok(())
    }

    /// Makes the changes that touch `directory` outlive a power cut.
    pub(super) fn sync(&mut self, directory: &Path) {
        let touches = |path: &PathBuf| path.parent() == Some(directory);
        let (done, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|change| match change {
                Change::Make { path, .. } | Change::Remove { path } => touches(path),
                Change::Rename { from, to, .. } => touches(from) || touches(to),
            });
        self.pending = pending;
        for change in &done {
            change.apply(&mut self.durable);
        }
    }

    /// What is left when power goes. Tells every file that is.
    pub(super) fn power_cut(&mut self, chance: &mut Chance) -> Vec<Arc<Inode>> {
        // Of a long journal the first change would nearly always be kept: now and then none is.
        let is_nothing_kept = chance.below(4) == 0;
        let kept = if is_nothing_kept { 0 } else { chance.below(self.pending.len() as u64 + 1) };
        for change in self.pending.drain(..).take(usize::try_from(kept).unwrap_or(usize::MAX)) {
            change.apply(&mut self.durable);
        }
        self.pending.clear();
        let mut left = Names::new();
        // Parents sort before their children.
        for (path, node) in &self.durable {
            let parent = path.parent().unwrap_or(Path::new(""));
            if is_root(parent) || matches!(left.get(parent), Some(Node::Directory)) {
                left.insert(path.clone(), node.clone());
            }
        }
        self.durable.clone_from(&left);
        self.now = left;
        self.now
            .values()
            .filter_map(|node| match node {
                Node::File(inode) => Some(Arc::clone(inode)),
                Node::Directory => None,
            })
            .collect()
    }

    /// Forgets all names; answers every file that had one.
    pub(super) fn erase(&mut self) -> Vec<Arc<Inode>> {
        let Self { now, durable, .. } = std::mem::take(self);
        let files = now.into_values().chain(durable.into_values()).filter_map(|node| match node {
            Node::File(inode) => Some(inode),
            Node::Directory => None,
        });
        files.collect()
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.now);
        self.pending.push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Make { path, node } => {
                names.insert(path.clone(), node.clone());
            }
            Self::Remove { path } => {
                names.retain(|name, _| !name.starts_with(path));
            }
            Self::Rename { from, to, node } => {
                let moved: Vec<(PathBuf, Node)> = names
                    .iter()
                    .filter(|(name, _)| name.starts_with(from) && *name != from)
                    .filter_map(|(name, node)| {
                        Some((to.join(name.strip_prefix(from).ok()?), node.clone()))
                    })
                    .collect();
                names.retain(|name, _| !name.starts_with(from) && !name.starts_with(to));
                names.insert(to.clone(), node.clone());
                names.extend(moved);
            }
        }
    }
}

fn is_root(path: &Path) -> bool {
    path == Path::new("") || path == Path::new("/")
}
