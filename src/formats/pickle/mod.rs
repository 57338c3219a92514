//! Python pickles as data. Nothing is executed: calls become inert nodes, which the reader of a
//! format (numpy's arrays, PyTorch's checkpoints) recognizes or rejects.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

mod instructions;
mod machine;
mod refused_names;
mod writer;

pub use instructions::{load, load_first};
pub use writer::Writer;

use crate::formats::limits::MAX_NAME_BYTES;

/// Index of a node in its [`Pickle`].
pub type Id = u32;

/// A node of a pickle. Containers refer to their parts by index, so that shared and cyclic
/// structures need no recursion and cannot overflow the stack; text and bytes are borrowed from the
/// pickle, so that they can be repeated without a copy.
#[derive(Clone, Debug, PartialEq)]
pub enum Node<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// An integer beyond 64 bits, little-endian in two's complement.
    Big(&'a [u8]),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Str(&'a str),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// A list or a set.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A dictionary in insertion order.
    Dict(Vec<(Id, Id)>),
    /// A name in a module: a class or a function.
    Global(&'a str, &'a str),
    /// A call of `callee` with the tuple `args`, which is not executed; `state` is the argument
    /// of the `__setstate__` that would follow, `items` the entries that would be set.
    Call {
        /// The callable.
        callee: Id,
        /// Its argument tuple.
        args: Id,
        /// Argument of `__setstate__`.
        state: Option<Id>,
        /// Entries set with `obj[key] = value`.
        items: Vec<(Id, Id)>,
    },
    /// A reference to something outside the pickle, such as a tensor's storage.
    Persistent(Id),
}

/// Why a pickle was rejected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PickleError {
    /// The bytes end in the middle of an instruction.
    #[error("the pickle is cut off at byte {0}: copy or download the file again")]
    Truncated(usize),
    /// An instruction outside the dialect.
    #[error(
        "the pickle uses instruction 0x{0:02x} at byte {1}, which no data needs: it is damaged, or \
         was not written by numpy or PyTorch"
    )]
    Opcode(u8, usize),
    /// An instruction whose operands have the wrong type.
    #[error("the pickle is damaged at byte {0} ({1}): copy or download the file again")]
    Damaged(usize, &'static str),
    /// A name that is not data.
    #[error(
        "the pickle contains {0}.{1}, which is rejected: it is not data, but would run code where \
         the file is loaded with Python"
    )]
    Refused(String, String),
    /// Something else than the dictionary that was expected.
    #[error("it is a Python object other than a dictionary: save a dictionary with x, y, t and p")]
    NoDictionary,
    /// More parts than any real file has.
    #[error("the pickle has more than {0} parts, which no recording or checkpoint needs")]
    TooLarge(usize),
}

/// An interpreted pickle.
#[derive(Clone, Debug)]
pub struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// The outermost object.
    pub fn root(&self) -> Id {
        self.root
    }

    /// A node by its index; `Node::None` for an invalid index.
    pub fn node(&self, id: Id) -> &Node<'a> {
        self.nodes.get(id as usize).unwrap_or(&Node::None)
    }

    /// All nodes, in the order of their creation.
    pub fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The text of a name, also that of Python 2, which is stored as bytes. What is longer than any name
    /// is not looked at: a pickle of kilobytes may refer a million times to a text of a megabyte.
    pub fn text(&self, id: Id) -> Option<&'a str> {
        match *self.node(id) {
            Node::Str(text) => Some(text).filter(|text| text.len() <= MAX_NAME_BYTES),
            Node::Bytes(bytes) if bytes.len() <= MAX_NAME_BYTES => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The value under a text key of a dictionary, or of an object with entries such as an
    /// `OrderedDict`.
    pub fn get(&self, dict: Id, key: &str) -> Option<Id> {
        self.entries(dict).iter().rev().find(|(k, _)| self.text(*k) == Some(key)).map(|(_, v)| *v)
    }

    /// Keys and values of a dictionary, or of an object with entries.
    pub fn entries(&self, dict: Id) -> &[(Id, Id)] {
        match self.node(dict) {
            Node::Dict(items) | Node::Call { items, .. } => items,
            _ => &[],
        }
    }

    /// The elements of a list or tuple.
    pub fn parts(&self, id: Id) -> &[Id] {
        match self.node(id) {
            Node::List(parts) | Node::Tuple(parts) => parts,
            _ => &[],
        }
    }

    /// A non-negative integer.
    pub fn index(&self, id: Id) -> Option<usize> {
        match self.node(id) {
            Node::Int(i) => usize::try_from(*i).ok(),
            _ => None,
        }
    }

    /// Module, name, arguments and state of a call.
    pub fn call(&self, id: Id) -> Option<(&'a str, &'a str, &[Id], Option<Id>)> {
        let Node::Call { callee, args, state, .. } = self.node(id) else { return None };
        let Node::Global(module, name) = *self.node(*callee) else { return None };
        Some((module, name, self.parts(*args), *state))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::arithmetic_side_effects,
        reason = "a test may fail by panicking"
    )]

    use super::*;
    use std::time::{Duration, Instant};

    /// A pickle of a text or of bytes of half a megabyte in slot 0 and an object, and then many times
    /// the same instructions.
    fn repeated(kind: u8, object: u8, instructions: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80, 4, kind];
        bytes.extend((1_u32 << 19).to_le_bytes());
        bytes.extend(std::iter::repeat_n(b'a', 1 << 19));
        bytes.extend(b"q\x00");
        bytes.push(object);
        (0..300_000).for_each(|_| bytes.extend(instructions));
        bytes.push(b'.');
        bytes
    }

    #[test]
    fn a_long_text_that_is_repeated_costs_no_more_than_a_short_one() {
        // The names of globals, and the keys of a dictionary as text and as bytes.
        let global: &[u8] = b"h\x00h\x00\x930";
        let entry: &[u8] = b"h\x00Ns";
        for (kind, object, instructions) in
            [(b'X', b'N', global), (b'X', b'}', entry), (b'T', b'}', entry)]
        {
            let bytes = repeated(kind, object, instructions);
            let start = Instant::now();
            let pickle = load(&bytes).unwrap();
            assert_eq!(pickle.get(pickle.root(), "x"), None);
            let keys = pickle.entries(pickle.root()).iter();
            assert_eq!(keys.filter_map(|(key, _)| pickle.text(*key)).count(), 0);
            // 150 GB would be looked at otherwise.
            assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        }
    }
}
