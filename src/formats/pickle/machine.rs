//! The pickle stack machine: its input, its stack, and the nodes that it makes.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::refused_names::is_allowed;
use super::{Id, Node, PickleError};
use crate::formats::limits::MAX_PICKLE_PARTS;
use std::collections::HashMap;

/// A pickle that is being interpreted.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) nodes: Vec<Node<'a>>,
    /// Number of objects that were put on the stack, new ones and references.
    pushed: usize,
    /// Nodes of integers below 65536, which are shared: lists of coordinates have many.
    small: HashMap<u16, Id>,
    pub(super) stack: Vec<Id>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            nodes: Vec::new(),
            pushed: 0,
            small: HashMap::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], PickleError> {
        let end = self.at.checked_add(n).ok_or(PickleError::Truncated(self.at))?;
        let part = self.bytes.get(self.at..end).ok_or(PickleError::Truncated(self.at))?;
        self.at = end;
        Ok(part)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
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

    pub(super) fn text<const N: usize>(&mut self) -> Result<(), PickleError> {
        let at = self.at;
        let text = std::str::from_utf8(self.sized::<N>()?)
            .map_err(|_| PickleError::Damaged(at, "text that is not UTF-8"))?;
        self.push(Node::Str(text))
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Result<(), PickleError> {
        let bytes = self.sized::<N>()?;
        self.push(Node::Bytes(bytes))
    }

    pub(super) fn long<const N: usize>(&mut self) -> Result<(), PickleError> {
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
    pub(super) fn int(&mut self, value: i64) -> Result<(), PickleError> {
        let Ok(small) = u16::try_from(value) else { return self.push(Node::Int(value)) };
        if let Some(id) = self.small.get(&small).copied() {
            return self.refer(id);
        }
        self.push(Node::Int(value))?;
        let id = self.top()?;
        self.small.insert(small, id);
        Ok(())
    }

    pub(super) fn line(&mut self) -> Result<&'a str, PickleError> {
        let at = self.at;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = rest.iter().position(|b| *b == b'\n').ok_or(PickleError::Truncated(at))?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| PickleError::Damaged(at, "a name that is not UTF-8"))
    }

    pub(super) fn global(&mut self, module: &'a str, name: &'a str) -> Result<(), PickleError> {
        if !is_allowed(module, name) {
            return Err(PickleError::Refused(module.to_owned(), name.to_owned()));
        }
        self.push(Node::Global(module, name))
    }

    /// Puts a new node on the stack.
    pub(super) fn push(&mut self, node: Node<'a>) -> Result<(), PickleError> {
        let id = Id::try_from(self.nodes.len());
        self.refer(id.map_err(|_| PickleError::TooLarge(MAX_PICKLE_PARTS))?)?;
        self.nodes.push(node);
        Ok(())
    }

    /// Puts a node on the stack, which may be there already.
    pub(super) fn refer(&mut self, id: Id) -> Result<(), PickleError> {
        self.check_limit(self.pushed)?;
        self.pushed = self.pushed.saturating_add(1);
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn node(&self, id: Id) -> Option<&Node<'a>> {
        self.nodes.get(id as usize)
    }

    /// Fails if `count` has reached the limit.
    pub(super) fn check_limit(&self, count: usize) -> Result<(), PickleError> {
        let fits = count < MAX_PICKLE_PARTS;
        if fits { Ok(()) } else { Err(PickleError::TooLarge(MAX_PICKLE_PARTS)) }
    }

    pub(super) fn top(&self) -> Result<Id, PickleError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        (self.stack.len() > floor)
            .then(|| self.stack.last().copied())
            .flatten()
            .ok_or(PickleError::Damaged(self.at, "an empty stack"))
    }

    pub(super) fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    pub(super) fn marked(&mut self) -> Result<Vec<Id>, PickleError> {
        let mark = self.marks.pop().ok_or(PickleError::Damaged(self.at, "no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(super) fn extend(&mut self, parts: &[Id]) -> Result<(), PickleError> {
        let (at, top) = (self.at, self.top()?);
        match self.nodes.get_mut(top as usize) {
            Some(Node::List(list)) => list.extend_from_slice(parts),
            // A list subclass: its entries are never needed here.
            Some(Node::Call { .. }) => {}
            _ => return Err(PickleError::Damaged(at, "entries without a list")),
        }
        Ok(())
    }

    pub(super) fn set(&mut self, parts: &[Id]) -> Result<(), PickleError> {
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

    pub(super) fn memo_put(&mut self, slot: u32) -> Result<(), PickleError> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    pub(super) fn memo_get(&mut self, slot: u32) -> Result<(), PickleError> {
        let id = self.memo.get(&slot);
        let id = id.copied().ok_or(PickleError::Damaged(self.at, "an unknown memo entry"))?;
        self.refer(id)
    }
}
