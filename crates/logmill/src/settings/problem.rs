//! What is wrong with a configuration, for the person who wrote it: where, what, why, what to do.

use std::{fmt, path::PathBuf};

/// Where a setting was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Nowhere: it is missing, or has its default.
    Missing,
    /// On this line of the file.
    Line(usize),
    /// On the command line, as `--set`.
    CommandLine,
}

/// One thing that keeps a node from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    /// The setting as it is written, or its name.
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) remedy: String,
}

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub(crate) struct Problems {
    /// None: there was no file.
    pub(crate) file: Option<PathBuf>,
    pub(crate) problems: Vec<Problem>,
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let file = file.unwrap_or_else(|| "the settings".to_owned());
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{file}: {count} problem{plural}, nothing was started")?;
        let mut sorted: Vec<_> = self.problems.iter().collect();
        sorted.sort_by_key(|problem| problem.place);
        for Problem { place, what, why, remedy } in sorted {
            match place {
                Place::Line(line) => write!(f, "\n  {file}:{line}: {what}")?,
                Place::CommandLine => write!(f, "\n  --set {what}")?,
                Place::Missing => write!(f, "\n  {what}")?,
            }
            write!(f, "\n      why: {why}\n      do:  {remedy}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_says_where_what_why_and_what_to_do() {
        let problem = |place| Problem {
            place,
            what: "node.id=x".to_owned(),
            why: "it is no number".to_owned(),
            remedy: "give a number".to_owned(),
        };
        let problems = Problems {
            file: Some("a.properties".into()),
            problems: vec![problem(Place::CommandLine), problem(Place::Line(3))],
        };
        assert_eq!(
            problems.to_string(),
            "a.properties: 2 problems, nothing was started\
             \n  a.properties:3: node.id=x\n      why: it is no number\n      do:  give a number\
             \n  --set node.id=x\n      why: it is no number\n      do:  give a number"
        );
    }
}
