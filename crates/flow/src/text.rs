//! A column of byte strings: views into the record batches, or into bytes of the column's own.
//!
//! ```text
//! view (8 bytes): start u32 │ own bit, length u31
//!        own = 0 ─▶ source (the chunk's record batches, borrowed)
//!        own = 1 ─▶ own (what was unescaped or computed)
//! ```
//! A STRING's bytes are UTF-8, always: decoders check, functions keep it.

/// The most bytes that one computed value may have.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 20;
/// The most bytes of its own that a column may have.
const OWN_BYTES_MAX: usize = 1 << 30;

const OWN_BIT: u32 = 1 << 31;
const _: () = assert!(OWN_BYTES_MAX + TEXT_BYTES_MAX < u32::MAX as usize, "a view must reach it");

/// Where one value's bytes lie.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct View {
    start: u32,
    tagged_length: u32,
}

/// Byte strings, one per row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text<'a> {
    views: Vec<View>,
    source: &'a [u8],
    own: Vec<u8>,
}

/// A computed value that would be longer than [`TEXT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl<'a> Text<'a> {
    /// An empty column over `source`, with room for `rows`.
    pub(crate) fn over(source: &'a [u8], rows: usize) -> Self {
        Self { views: Vec::with_capacity(rows), source, own: Vec::new() }
    }

    /// `rows` empty strings over `source`, to be [`set`](Self::set) one by one.
    pub(crate) fn empty(source: &'a [u8], rows: usize) -> Self {
        Self { views: vec![View::default(); rows], source, own: Vec::new() }
    }

    #[inline]
    pub(crate) fn at(&self, row: usize) -> &[u8] {
        let Some(view) = self.views.get(row) else { return &[] };
        let bytes = if view.tagged_length & OWN_BIT == 0 { self.source } else { &self.own };
        let (start, length) = (view.start as usize, (view.tagged_length & !OWN_BIT) as usize);
        bytes.get(start..start + length).unwrap_or_default()
    }

    /// Sets row `row` to `bytes`: a view where they lie in the source, else a copy.
    #[inline]
    pub(crate) fn set(&mut self, row: usize, bytes: &[u8]) -> Result<(), TooLong> {
        let start = (bytes.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize);
        let is_inside = start < self.source.len() && bytes.len() <= self.source.len() - start;
        if !is_inside || start > u32::MAX as usize || bytes.len() >= OWN_BIT as usize {
            return self.set_written(row, |out| out.extend_from_slice(bytes));
        }
        if let Some(view) = self.views.get_mut(row) {
            *view = View { start: start as u32, tagged_length: bytes.len() as u32 };
        }
        Ok(())
    }

    /// Sets row `row` to what `write` appends.
    pub(crate) fn set_written(
        &mut self,
        row: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), TooLong> {
        let view = self.write(write)?;
        if let Some(slot) = self.views.get_mut(row) {
            *slot = view;
        }
        Ok(())
    }

    /// Appends a row: a copy of `bytes`.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.push_written(|out| out.extend_from_slice(bytes))
    }

    /// Appends a row: what `write` appends.
    pub(crate) fn push_written(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), TooLong> {
        let written = self.write(write);
        self.views.push(written.unwrap_or_default());
        written.map(|_| ())
    }

    /// Appends an empty row.
    pub(crate) fn push_empty(&mut self) {
        self.views.push(View::default());
    }

    /// The rows `picked`, in that order.
    pub(crate) fn take(&self, picked: &[u32]) -> Self {
        let view = |row: &u32| self.views.get(*row as usize).copied().unwrap_or_default();
        Self {
            views: picked.iter().map(view).collect(),
            source: self.source,
            own: self.own.clone(),
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<View, TooLong> {
        let start = self.own.len();
        write(&mut self.own);
        let length = self.own.len() - start;
        if length > TEXT_BYTES_MAX || self.own.len() > OWN_BYTES_MAX {
            self.own.truncate(start);
            return Err(TooLong);
        }
        Ok(View { start: start as u32, tagged_length: length as u32 | OWN_BIT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_and_written_rows_read_back_in_any_order() {
        let source = b"hello world";
        let mut text = Text::empty(source, 3);
        text.set(0, &source[6..11]).unwrap();
        assert!(text.own.is_empty(), "what lies in the source is not copied");
        text.set_written(2, |out| out.extend_from_slice(b"own")).unwrap();
        assert_eq!((text.at(0), text.at(1), text.at(2)), (&b"world"[..], &b""[..], &b"own"[..]));
        let taken = text.take(&[2, 0]);
        assert_eq!((taken.at(0), taken.at(1)), (&b"own"[..], &b"world"[..]));
        assert_eq!(taken.at(9), b"");
    }

    #[test]
    fn a_value_past_the_limit_is_refused_and_leaves_an_empty_row() {
        let mut text = Text::default();
        let long = |out: &mut Vec<u8>| out.resize(out.len() + TEXT_BYTES_MAX + 1, b'x');
        assert_eq!(text.push_written(long), Err(TooLong));
        assert_eq!(text.push(b"y"), Ok(()));
        assert_eq!((text.at(0), text.at(1)), (&b""[..], &b"y"[..]));
    }
}
