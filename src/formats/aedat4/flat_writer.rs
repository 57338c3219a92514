//! A minimal FlatBuffers writer: one table of numbers and vectors, front to back.
//!
//! Every field begins at a multiple of eight bytes, which suits all types.

/// A field of a table.
pub(super) enum Field {
    I8(i8),
    I16(i16),
    I32(i32),
    I64(i64),
    /// Number of elements, and their bytes. A string is a vector of bytes with a zero after it.
    Vector(usize, Vec<u8>),
}

fn align(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.len().next_multiple_of(8), 0);
}

/// Overwrites bytes that were reserved before.
fn patch(buffer: &mut [u8], at: usize, value: &[u8]) -> Option<()> {
    buffer.get_mut(at..at.checked_add(value.len())?)?.copy_from_slice(value);
    Some(())
}

fn offset(from: usize, to: usize) -> Option<[u8; 4]> {
    Some(u32::try_from(to.checked_sub(from)?).ok()?.to_le_bytes())
}

/// A size-prefixed buffer with one table, of which `fields` gives numbers and values; `None` if it
/// is too large for the format.
pub(super) fn table(identifier: &[u8; 4], fields: Vec<(usize, Field)>) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 8];
    buffer.extend(identifier);
    align(&mut buffer);
    let vtable = buffer.len();
    let entries = fields.iter().map(|(number, _)| number + 1).max().unwrap_or(0);
    let vtable_bytes = 4 + 2 * entries;
    buffer.resize(vtable + vtable_bytes, 0);
    align(&mut buffer);
    let table = buffer.len();
    buffer.extend(i32::try_from(table - vtable).ok()?.to_le_bytes());
    align(&mut buffer);
    let mut vectors = Vec::new();
    for (number, field) in fields {
        let at = buffer.len();
        let entry = u16::try_from(at - table).ok()?.to_le_bytes();
        patch(&mut buffer, vtable + 4 + 2 * number, &entry)?;
        match field {
            Field::I8(value) => buffer.extend(value.to_le_bytes()),
            Field::I16(value) => buffer.extend(value.to_le_bytes()),
            Field::I32(value) => buffer.extend(value.to_le_bytes()),
            Field::I64(value) => buffer.extend(value.to_le_bytes()),
            Field::Vector(count, bytes) => {
                buffer.extend([0; 4]);
                vectors.push((at, count, bytes));
            }
        }
        align(&mut buffer);
    }
    let table_bytes = u16::try_from(buffer.len() - table).ok()?.to_le_bytes();
    patch(&mut buffer, vtable, &u16::try_from(vtable_bytes).ok()?.to_le_bytes())?;
    patch(&mut buffer, vtable + 2, &table_bytes)?;
    for (at, count, bytes) in vectors {
        // The number of elements comes directly before the first of them.
        buffer.extend([0; 4]);
        let start = buffer.len();
        let distance = offset(at, start)?;
        patch(&mut buffer, at, &distance)?;
        buffer.extend(u32::try_from(count).ok()?.to_le_bytes());
        buffer.extend(bytes);
        buffer.push(0);
        align(&mut buffer);
    }
    let (root, bytes) = (offset(4, table)?, offset(4, buffer.len())?);
    patch(&mut buffer, 4, &root)?;
    patch(&mut buffer, 0, &bytes)?;
    Some(buffer)
}
