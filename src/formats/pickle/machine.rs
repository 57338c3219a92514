//! The pickle stack machine: turns instructions into nodes.

use super::{Dialect, Id, Node, Pickle, PickleError};
use std::collections::HashMap;

/// Largest number of nodes: more than any checkpoint or recording has, and small enough for memory.
const MAX_NODES: usize = 4_000_000;

/// Modules whose names are useful only for running code.
const REFUSED_MODULES: [&str; 14] = [
    "os",
    "posix",
    "nt",
    "sys",
    "subprocess",
    "shutil",
    "socket",
    "runpy",
    "importlib",
    "ctypes",
    "webbrowser",
    "pty",
    "code",
    "operator",
];

/// Builtin names that are data classes.
const BUILTIN_DATA: [&str; 12] = [
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "complex",
    "slice",
    "range",
    "int",
    "float",
    "object",
    "bytearray",
];

fn accepted(dialect: Dialect, module: &str, name: &str) -> bool {
    match dialect {
        Dialect::Numpy => matches!(
            (module, name),
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct" | "scalar")
                | ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer")
                | ("numpy", "ndarray" | "dtype")
                | ("_codecs", "encode")
        ),
        Dialect::Checkpoint => {
            let top = module.split('.').next().unwrap_or(module);
            if matches!(top, "builtins" | "__builtin__") {
                return BUILTIN_DATA.contains(&name);
            }
            !REFUSED_MODULES.contains(&top)
        }
    }
}

/// Interprets a pickle of protocol 2 to 5.
///
/// # Errors
/// Fails if the pickle is truncated or damaged, or has an instruction or a name outside the
/// dialect.
pub fn load(bytes: &[u8], dialect: Dialect) -> Result<Pickle, PickleError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        dialect,
        nodes: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    while !machine.step()? {}
    let root = machine.pop()?;
    Ok(Pickle { nodes: machine.nodes, root })
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Executes one instruction; returns true after the last.
    fn step(&mut self) -> Result<bool, PickleError> {
        let start = self.at;
        let [op] = self.array()?;
        match op {
            b'.' => return Ok(true),
            0x80 => drop(self.array::<1>()?), // protocol
            0x95 => drop(self.array::<8>()?), // frame
            b'(' => {
                self.check_limit(self.marks.len())?;
                self.marks.push(self.stack.len());
            }
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'J' => {
                let v = i32::from_le_bytes(self.array()?);
                self.push(Node::Int(v.into()))?;
            }
            b'K' => {
                let [v] = self.array()?;
                self.push(Node::Int(v.into()))?;
            }
            b'M' => {
                let v = u16::from_le_bytes(self.array()?);
                self.push(Node::Int(v.into()))?;
            }
            0x8a => self.long()?,
            b'G' => {
                let v = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(v))?;
            }
            b'X' => self.text::<4>()?,
            0x8c => self.text::<1>()?,
            0x8d => self.text::<8>()?,
            b'B' | b'T' => self.raw::<4>()?,
            b'C' | b'U' => self.raw::<1>()?,
            0x8e | 0x96 => self.raw::<8>()?,
            b']' | 0x8f => self.push(Node::List(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            b't' => {
                let parts = self.marked()?;
                self.push(Node::Tuple(parts))?;
            }
            b'l' | 0x91 => {
                let parts = self.marked()?;
                self.push(Node::List(parts))?;
            }
            0x85..=0x87 => {
                let mut parts =
                    (0..op - 0x84).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                parts.reverse();
                self.push(Node::Tuple(parts))?;
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.top()?;
                self.check_limit(self.stack.len())?;
                self.stack.push(top);
            }
            b'a' => {
                let part = self.pop()?;
                self.extend(&[part])?;
            }
            b'e' | 0x90 => {
                let parts = self.marked()?;
                self.extend(&parts)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let parts = self.marked()?;
                self.set(&parts)?;
            }
            b'q' => {
                let [slot] = self.array()?;
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.remember(slot)?;
            }
            0x94 => {
                let slot = u32::try_from(self.memo.len())
                    .map_err(|_| PickleError::Damaged(start, "too many memo entries"))?;
                self.remember(slot)?;
            }
            b'h' => {
                let [slot] = self.array()?;
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.recall(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.nodes.get(module).cloned(), self.nodes.get(name).cloned()) {
                    (Some(Node::Str(m)), Some(Node::Str(n))) => self.global(m, n)?,
                    _ => return Err(PickleError::Damaged(start, "a name that is not text")),
                }
            }
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                self.push(Node::Call { callee, args, state: None, items: Vec::new() })?;
            }
            b'b' => {
                let argument = self.pop()?;
                let top = self.top()?;
                match self.nodes.get_mut(top) {
                    Some(Node::Call { state, .. }) => *state = Some(argument),
                    _ => return Err(PickleError::Damaged(start, "state without an object")),
                }
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            other => return Err(PickleError::Opcode(other, start)),
        }
        Ok(false)
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], PickleError> {
        let end = self.at.checked_add(n).ok_or(PickleError::Truncated(self.at))?;
        let part = self.bytes.get(self.at..end).ok_or(PickleError::Truncated(self.at))?;
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let at = self.at;
        self.take(N)?.try_into().map_err(|_| PickleError::Truncated(at))
    }

    /// Reads a byte string that is preceded by its length in `N` bytes.
    fn sized<const N: usize>(&mut self) -> Result<&'a [u8], PickleError> {
        let (at, length) = (self.at, self.array::<N>()?);
        let mut wide = [0; 8];
        wide.iter_mut().zip(length).for_each(|(w, b)| *w = b);
        let n =
            usize::try_from(u64::from_le_bytes(wide)).map_err(|_| PickleError::Truncated(at))?;
        self.take(n)
    }

    fn text<const N: usize>(&mut self) -> Result<(), PickleError> {
        let at = self.at;
        let bytes = self.sized::<N>()?.to_vec();
        let text = String::from_utf8(bytes)
            .map_err(|_| PickleError::Damaged(at, "text that is not UTF-8"))?;
        self.push(Node::Str(text))
    }

    fn raw<const N: usize>(&mut self) -> Result<(), PickleError> {
        let bytes = self.sized::<N>()?.to_vec();
        self.push(Node::Bytes(bytes))
    }

    fn long(&mut self) -> Result<(), PickleError> {
        let at = self.at;
        let digits = self.sized::<1>()?;
        let negative = digits.last().is_some_and(|b| b & 0x80 != 0);
        if digits.len() > 8 {
            return Err(PickleError::Damaged(at, "a number beyond 64 bits"));
        }
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide.iter_mut().zip(digits).for_each(|(w, b)| *w = *b);
        self.push(Node::Int(i64::from_le_bytes(wide)))
    }

    fn line(&mut self) -> Result<String, PickleError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|b| *b == b'\n').ok_or(PickleError::Truncated(self.at))?;
        let line = self.take(end)?;
        self.take(1)?;
        Ok(String::from_utf8_lossy(line).into_owned())
    }

    fn global(&mut self, module: String, name: String) -> Result<(), PickleError> {
        if !accepted(self.dialect, &module, &name) {
            return Err(PickleError::Refused(module, name));
        }
        self.push(Node::Global(module, name))
    }

    fn push(&mut self, node: Node) -> Result<(), PickleError> {
        self.check_limit(self.nodes.len())?;
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    /// Fails if `count` has reached the limit.
    fn check_limit(&self, count: usize) -> Result<(), PickleError> {
        if count >= MAX_NODES { Err(PickleError::TooLarge(MAX_NODES)) } else { Ok(()) }
    }

    fn top(&self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        (self.stack.len() > floor)
            .then(|| self.stack.last().copied())
            .flatten()
            .ok_or(PickleError::Damaged(self.at, "an empty stack"))
    }

    fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn marked(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::Damaged(self.at, "no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn extend(&mut self, parts: &[Id]) -> Result<(), PickleError> {
        let (at, top) = (self.at, self.top()?);
        match self.nodes.get_mut(top) {
            Some(Node::List(list)) => list.extend_from_slice(parts),
            // A list subclass: its entries are never needed here.
            Some(Node::Call { .. }) => {}
            _ => return Err(PickleError::Damaged(at, "entries without a list")),
        }
        Ok(())
    }

    fn set(&mut self, parts: &[Id]) -> Result<(), PickleError> {
        let (at, top) = (self.at, self.top()?);
        let (pairs, rest) = parts.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(PickleError::Damaged(at, "a key without a value"));
        }
        match self.nodes.get_mut(top) {
            Some(Node::Dict(items) | Node::Call { items, .. }) => {
                items.extend(pairs.iter().map(|[k, v]| (*k, *v)));
                Ok(())
            }
            _ => Err(PickleError::Damaged(at, "entries without a dictionary")),
        }
    }

    fn remember(&mut self, slot: u32) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), PickleError> {
        let id = self.memo.get(&slot);
        let id = id.copied().ok_or(PickleError::Damaged(self.at, "an unknown memo entry"))?;
        self.check_limit(self.stack.len())?;
        self.stack.push(id);
        Ok(())
    }
}
