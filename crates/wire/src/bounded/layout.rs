//! What a layout is: fields in order, each with the versions that have it, and the tagged fields that the codec knows.

use std::mem::size_of;

/// A struct on the wire. In flexible versions a tag section ends it.
pub(crate) struct Layout {
    pub(crate) fields: &'static [Field],
    /// Only those that the codec decodes; all others are opaque.
    pub(crate) tags: &'static [Tag],
}

/// One field, in the versions `first..=last`.
pub(crate) struct Field {
    pub(crate) first: i16,
    pub(crate) last: i16,
    pub(crate) kind: Kind,
}

/// One tagged field, from version `first` on.
pub(crate) struct Tag {
    pub(crate) number: u32,
    pub(crate) first: i16,
    pub(crate) kind: Kind,
}

/// How a field lies.
pub(crate) enum Kind {
    /// This many bytes.
    Fixed(usize),
    /// A boolean: one byte.
    Bool,
    /// A length and UTF-8.
    Text,
    /// A length and bytes.
    Blob,
    /// A count and elements; each takes `memory` bytes when decoded.
    Array { element: &'static Kind, memory: usize },
    /// A struct.
    Struct(&'static Layout),
    /// A byte, -1 for none, then a struct.
    Optional(&'static Layout),
}

pub(crate) const I8: Kind = Kind::Fixed(1);
pub(crate) const I16: Kind = Kind::Fixed(2);
pub(crate) const I32: Kind = Kind::Fixed(4);
pub(crate) const I64: Kind = Kind::Fixed(8);
pub(crate) const UUID: Kind = Kind::Fixed(16);
pub(crate) const BOOL: Kind = Kind::Bool;
pub(crate) const TEXT: Kind = Kind::Text;
pub(crate) const BLOB: Kind = Kind::Blob;

/// Fields, and no tags that the codec knows.
pub(crate) const fn fields(fields: &'static [Field]) -> Layout {
    Layout { fields, tags: &[] }
}

/// A field of every version.
pub(crate) const fn always(kind: Kind) -> Field {
    Field { first: 0, last: i16::MAX, kind }
}

/// A field since version `first`.
pub(crate) const fn since(first: i16, kind: Kind) -> Field {
    Field { first, last: i16::MAX, kind }
}

/// A field up to version `last`.
pub(crate) const fn until(last: i16, kind: Kind) -> Field {
    Field { first: 0, last, kind }
}

/// An array that the codec decodes to a `Vec<T>`.
pub(crate) const fn array<T>(element: &'static Kind) -> Kind {
    Kind::Array { element, memory: size_of::<T>() }
}
