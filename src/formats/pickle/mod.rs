//! Python pickles as data. Nothing is ever executed: calls become inert nodes that the reader
//! of a format (numpy's arrays, PyTorch's checkpoints) may recognise, or refuse.

mod machine;
mod writer;

pub use machine::load;
pub use writer::Writer;

/// Index of a node in its [`Pickle`].
pub type Id = usize;

/// What a pickle is made of. Containers refer to their parts by index, so shared and cyclic
/// structures cost nothing and cannot overflow the stack.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number that fits 64 bits.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Str(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A list, a set, or the entries of one.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A dictionary in insertion order.
    Dict(Vec<(Id, Id)>),
    /// A name in a module: a class or a function.
    Global(String, String),
    /// A call of `callee` with the tuple `args`, not carried out; `state` is what would be
    /// set afterwards, `items` what would be stored into it.
    Call {
        /// What would be called.
        callee: Id,
        /// Its arguments.
        args: Id,
        /// Argument of `__setstate__`.
        state: Option<Id>,
        /// Entries set with `obj[key] = value`.
        items: Vec<(Id, Id)>,
    },
    /// A reference to something outside the pickle, such as a tensor's storage.
    Persistent(Id),
}

/// Which names may appear in a pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// What numpy writes for object arrays; any other name is refused.
    Numpy,
    /// What PyTorch Lightning writes: classes of other packages are tolerated as inert nodes,
    /// names that could only serve to run something are refused.
    Checkpoint,
}

/// Why a pickle was not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PickleError {
    /// The bytes end in the middle of an instruction.
    #[error("the pickle is cut off at byte {0}")]
    Truncated(usize),
    /// An instruction outside the dialect.
    #[error("the pickle uses instruction 0x{0:02x} at byte {1}, which data never needs")]
    Opcode(u8, usize),
    /// An instruction that finds something else than it needs.
    #[error("the pickle is damaged at byte {0}: {1}")]
    Damaged(usize, &'static str),
    /// A name that has no place in data.
    #[error("the pickle asks for {0}.{1}, which is refused: it is not data")]
    Refused(String, String),
    /// More nodes than any real file has.
    #[error("the pickle has more than {0} parts")]
    TooLarge(usize),
}

/// An interpreted pickle.
#[derive(Clone, Debug)]
pub struct Pickle {
    nodes: Vec<Node>,
    root: Id,
}

impl Pickle {
    /// The outermost object.
    pub fn root(&self) -> Id {
        self.root
    }

    /// A node by its index.
    pub fn node(&self, id: Id) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::None)
    }

    /// The value under a text key of a dictionary, or of an object that is filled like one
    /// (an `OrderedDict`).
    pub fn get(&self, dict: Id, key: &str) -> Option<Id> {
        self.entries(dict)
            .iter()
            .rev()
            .find(|(k, _)| matches!(self.node(*k), Node::Str(s) if s == key))
            .map(|(_, v)| *v)
    }

    /// Key and value of every entry of a dictionary or of an object filled like one.
    pub fn entries(&self, dict: Id) -> &[(Id, Id)] {
        match self.node(dict) {
            Node::Dict(items) | Node::Call { items, .. } => items,
            _ => &[],
        }
    }

    /// The parts of a list or tuple.
    pub fn parts(&self, id: Id) -> &[Id] {
        match self.node(id) {
            Node::List(parts) | Node::Tuple(parts) => parts,
            _ => &[],
        }
    }

    /// A whole number that is not negative.
    pub fn index(&self, id: Id) -> Option<usize> {
        match self.node(id) {
            Node::Int(i) => usize::try_from(*i).ok(),
            _ => None,
        }
    }

    /// A call's module, name, arguments and state.
    pub fn call(&self, id: Id) -> Option<(&str, &str, &[Id], Option<Id>)> {
        let Node::Call { callee, args, state, .. } = self.node(id) else { return None };
        let Node::Global(module, name) = self.node(*callee) else { return None };
        Some((module, name, self.parts(*args), *state))
    }
}
