//! The pickle stack machine: turns instructions into nodes.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::{Id, Node, Pickle, PickleError};
use crate::formats::limits::MAX_PICKLE_PARTS;
use std::collections::HashMap;

/// Maximum number of instructions, so that a pickle of instructions without effect ends too.
const MAX_STEPS: usize = 8 * MAX_PICKLE_PARTS;

/// Modules whose names are useful only for running code. Nothing is ever executed here; such a file
/// is refused because it is dangerous elsewhere.
const REFUSED_MODULES: [&str; 13] = [
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
];

/// Builtin names that are useful only for running code.
const REFUSED_BUILTINS: [&str; 8] =
    ["eval", "exec", "execfile", "compile", "__import__", "open", "input", "breakpoint"];

fn is_allowed(module: &str, name: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    if matches!(top, "builtins" | "__builtin__") {
        return !REFUSED_BUILTINS.contains(&name);
    }
    !REFUSED_MODULES.contains(&top)
}

/// Interprets a pickle of protocol 2 to 5. Names of classes and functions become inert nodes.
///
/// # Errors
/// Fails if the pickle is truncated or damaged, or has an instruction that data do not need or a
/// name that is useful only for running code.
pub fn load(bytes: &[u8]) -> Result<Pickle<'_>, PickleError> {
    load_first(bytes).map(|(pickle, _)| pickle)
}

/// Interprets the pickle at the start of `bytes`; also returns its length.
///
/// # Errors
/// As [`load`].
pub fn load_first(bytes: &[u8]) -> Result<(Pickle<'_>, usize), PickleError> {
    let mut machine = Machine {
        bytes,
        at: 0,
        nodes: Vec::new(),
        pushed: 0,
        small: HashMap::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    let mut steps = 0_usize;
    while !machine.step()? {
        steps = steps.saturating_add(1);
        if steps > MAX_STEPS {
            return Err(PickleError::TooLarge(MAX_STEPS));
        }
    }
    let root = machine.pop()?;
    Ok((Pickle { nodes: machine.nodes, root }, machine.at))
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node<'a>>,
    /// Number of objects that were put on the stack, new ones and references.
    pushed: usize,
    /// Nodes of integers below 65536, which are shared: lists of coordinates have many.
    small: HashMap<u16, Id>,
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
                self.int(v.into())?;
            }
            b'K' => {
                let [v] = self.array::<1>()?;
                self.int(v.into())?;
            }
            b'M' => {
                let v = u16::from_le_bytes(self.array()?);
                self.int(v.into())?;
            }
            0x8a => self.long::<1>()?,
            0x8b => self.long::<4>()?,
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
                    (0..op.saturating_sub(0x84))
                        .map(|_| self.pop())
                        .collect::<Result<Vec<_>, _>>()?;
                parts.reverse();
                self.push(Node::Tuple(parts))?;
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.top()?;
                self.refer(top)?;
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
                self.memo_put(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.memo_put(slot)?;
            }
            0x94 => {
                let slot = u32::try_from(self.memo.len())
                    .map_err(|_| PickleError::Damaged(start, "too many memo entries"))?;
                self.memo_put(slot)?;
            }
            b'h' => {
                let [slot] = self.array()?;
                self.memo_get(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.memo_get(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.node(module), self.node(name)) {
                    (Some(Node::Str(m)), Some(Node::Str(n))) => {
                        let (m, n) = (*m, *n);
                        self.global(m, n)?;
                    }
                    _ => return Err(PickleError::Damaged(start, "a name that is not text")),
                }
            }
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                self.push(Node::Call { callee, args, state: None, items: Vec::new() })?;
            }
            0x92 => {
                let (_, args, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.push(Node::Call { callee, args, state: None, items: Vec::new() })?;
            }
            b'b' => {
                let argument = self.pop()?;
                let top = self.top()?;
                match self.nodes.get_mut(top as usize) {
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
        let text = std::str::from_utf8(self.sized::<N>()?)
            .map_err(|_| PickleError::Damaged(at, "text that is not UTF-8"))?;
        self.push(Node::Str(text))
    }

    fn raw<const N: usize>(&mut self) -> Result<(), PickleError> {
        let bytes = self.sized::<N>()?;
        self.push(Node::Bytes(bytes))
    }

    fn long<const N: usize>(&mut self) -> Result<(), PickleError> {
        let digits = self.sized::<N>()?;
        if digits.len() > 8 {
            return self.push(Node::Big(digits));
        }
        let negative = digits.last().is_some_and(|b| b & 0x80 != 0);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide.iter_mut().zip(digits).for_each(|(w, b)| *w = *b);
        self.int(i64::from_le_bytes(wide))
    }

    /// An integer; small ones share a node.
    fn int(&mut self, value: i64) -> Result<(), PickleError> {
        let Ok(small) = u16::try_from(value) else { return self.push(Node::Int(value)) };
        if let Some(id) = self.small.get(&small).copied() {
            return self.refer(id);
        }
        self.push(Node::Int(value))?;
        let id = self.top()?;
        self.small.insert(small, id);
        Ok(())
    }

    fn line(&mut self) -> Result<&'a str, PickleError> {
        let at = self.at;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = rest.iter().position(|b| *b == b'\n').ok_or(PickleError::Truncated(at))?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::Damaged(at, "a name that is not UTF-8"))
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Result<(), PickleError> {
        if !is_allowed(module, name) {
            return Err(PickleError::Refused(module.to_owned(), name.to_owned()));
        }
        self.push(Node::Global(module, name))
    }

    /// Puts a new node on the stack.
    fn push(&mut self, node: Node<'a>) -> Result<(), PickleError> {
        let id = Id::try_from(self.nodes.len());
        self.refer(id.map_err(|_| PickleError::TooLarge(MAX_PICKLE_PARTS))?)?;
        self.nodes.push(node);
        Ok(())
    }

    /// Puts a node on the stack, which may be there already.
    fn refer(&mut self, id: Id) -> Result<(), PickleError> {
        self.check_limit(self.pushed)?;
        self.pushed = self.pushed.saturating_add(1);
        self.stack.push(id);
        Ok(())
    }

    fn node(&self, id: Id) -> Option<&Node<'a>> {
        self.nodes.get(id as usize)
    }

    /// Fails if `count` has reached the limit.
    fn check_limit(&self, count: usize) -> Result<(), PickleError> {
        let fits = count < MAX_PICKLE_PARTS;
        if fits { Ok(()) } else { Err(PickleError::TooLarge(MAX_PICKLE_PARTS)) }
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
        match self.nodes.get_mut(top as usize) {
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
        match self.nodes.get_mut(top as usize) {
            Some(Node::Dict(items) | Node::Call { items, .. }) => {
                items.extend(pairs.iter().map(|[k, v]| (*k, *v)));
                Ok(())
            }
            _ => Err(PickleError::Damaged(at, "entries without a dictionary")),
        }
    }

    fn memo_put(&mut self, slot: u32) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn memo_get(&mut self, slot: u32) -> Result<(), PickleError> {
        let id = self.memo.get(&slot);
        let id = id.copied().ok_or(PickleError::Damaged(self.at, "an unknown memo entry"))?;
        self.refer(id)
    }
}
