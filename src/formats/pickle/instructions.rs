//! The instructions of pickles, carried out by the stack machine.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::machine::Machine;
use super::{Node, Pickle, PickleError};
use crate::formats::limits::MAX_PICKLE_PARTS;

/// Maximum number of instructions, so that a pickle of instructions without effect ends too.
const MAX_STEPS: usize = 8 * MAX_PICKLE_PARTS;

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
    let mut machine = Machine::new(bytes);
    let mut steps = 0_usize;
    while !step(&mut machine)? {
        steps = steps.saturating_add(1);
        if steps > MAX_STEPS {
            return Err(PickleError::TooLarge(MAX_STEPS));
        }
    }
    let root = machine.pop()?;
    Ok((Pickle { nodes: machine.nodes, root }, machine.at))
}

/// Executes one instruction; returns true after the last.
fn step(machine: &mut Machine<'_>) -> Result<bool, PickleError> {
    let start = machine.at;
    let [op] = machine.array()?;
    match op {
        b'.' => return Ok(true),
        0x80 => drop(machine.array::<1>()?), // protocol
        0x95 => drop(machine.array::<8>()?), // frame
        b'(' => {
            machine.check_limit(machine.marks.len())?;
            machine.marks.push(machine.stack.len());
        }
        b'N' => machine.push(Node::None)?,
        0x88 => machine.push(Node::Bool(true))?,
        0x89 => machine.push(Node::Bool(false))?,
        b'J' => {
            let v = i32::from_le_bytes(machine.array()?);
            machine.int(v.into())?;
        }
        b'K' => {
            let [v] = machine.array::<1>()?;
            machine.int(v.into())?;
        }
        b'M' => {
            let v = u16::from_le_bytes(machine.array()?);
            machine.int(v.into())?;
        }
        0x8a => machine.long::<1>()?,
        0x8b => machine.long::<4>()?,
        b'G' => {
            let v = f64::from_be_bytes(machine.array()?);
            machine.push(Node::Float(v))?;
        }
        b'X' => machine.text::<4>()?,
        0x8c => machine.text::<1>()?,
        0x8d => machine.text::<8>()?,
        b'B' | b'T' => machine.raw::<4>()?,
        b'C' | b'U' => machine.raw::<1>()?,
        0x8e | 0x96 => machine.raw::<8>()?,
        b']' | 0x8f => machine.push(Node::List(Vec::new()))?,
        b'}' => machine.push(Node::Dict(Vec::new()))?,
        b')' => machine.push(Node::Tuple(Vec::new()))?,
        b't' => {
            let parts = machine.marked()?;
            machine.push(Node::Tuple(parts))?;
        }
        b'l' | 0x91 => {
            let parts = machine.marked()?;
            machine.push(Node::List(parts))?;
        }
        0x85..=0x87 => {
            let mut parts = (0..op.saturating_sub(0x84))
                .map(|_| machine.pop())
                .collect::<Result<Vec<_>, _>>()?;
            parts.reverse();
            machine.push(Node::Tuple(parts))?;
        }
        b'0' => drop(machine.pop()?),
        b'1' => drop(machine.marked()?),
        b'2' => {
            let top = machine.top()?;
            machine.refer(top)?;
        }
        b'a' => {
            let part = machine.pop()?;
            machine.extend(&[part])?;
        }
        b'e' | 0x90 => {
            let parts = machine.marked()?;
            machine.extend(&parts)?;
        }
        b's' => {
            let (value, key) = (machine.pop()?, machine.pop()?);
            machine.set(&[key, value])?;
        }
        b'u' => {
            let parts = machine.marked()?;
            machine.set(&parts)?;
        }
        b'q' => {
            let [slot] = machine.array()?;
            machine.memo_put(slot.into())?;
        }
        b'r' => {
            let slot = u32::from_le_bytes(machine.array()?);
            machine.memo_put(slot)?;
        }
        0x94 => {
            let slot = u32::try_from(machine.memo.len())
                .map_err(|_| PickleError::Damaged(start, "too many memo entries"))?;
            machine.memo_put(slot)?;
        }
        b'h' => {
            let [slot] = machine.array()?;
            machine.memo_get(slot.into())?;
        }
        b'j' => {
            let slot = u32::from_le_bytes(machine.array()?);
            machine.memo_get(slot)?;
        }
        b'c' => {
            let (module, name) = (machine.line()?, machine.line()?);
            machine.global(module, name)?;
        }
        0x93 => {
            let (name, module) = (machine.pop()?, machine.pop()?);
            match (machine.node(module), machine.node(name)) {
                (Some(Node::Str(m)), Some(Node::Str(n))) => {
                    let (m, n) = (*m, *n);
                    machine.global(m, n)?;
                }
                _ => return Err(PickleError::Damaged(start, "a name that is not text")),
            }
        }
        b'R' | 0x81 => {
            let (args, callee) = (machine.pop()?, machine.pop()?);
            machine.push(Node::Call { callee, args, state: None, items: Vec::new() })?;
        }
        0x92 => {
            let (_, args, callee) = (machine.pop()?, machine.pop()?, machine.pop()?);
            machine.push(Node::Call { callee, args, state: None, items: Vec::new() })?;
        }
        b'b' => {
            let argument = machine.pop()?;
            let top = machine.top()?;
            match machine.nodes.get_mut(top as usize) {
                Some(Node::Call { state, .. }) => *state = Some(argument),
                _ => return Err(PickleError::Damaged(start, "state without an object")),
            }
        }
        b'Q' => {
            let id = machine.pop()?;
            machine.push(Node::Persistent(id))?;
        }
        other => return Err(PickleError::Opcode(other, start)),
    }
    Ok(false)
}
