//! A minimal, bounds-checked FlatBuffers reader for tables.

/// A table within a buffer.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Offset and length of the table's vtable, in bytes.
    fields: (usize, usize),
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn offset(bytes: &[u8], at: usize) -> Option<usize> {
    at.checked_add(u32::from_le_bytes(array(bytes, at)?) as usize)
}

impl<'a> Table<'a> {
    /// The root table of a size-prefixed buffer, and its four-letter file identifier.
    pub(super) fn root(bytes: &'a [u8]) -> Option<(Self, [u8; 4])> {
        Some((Self::new(bytes, offset(bytes, 4)?)?, array(bytes, 8)?))
    }

    fn new(bytes: &'a [u8], at: usize) -> Option<Self> {
        let back = i64::from(i32::from_le_bytes(array(bytes, at)?));
        let fields = usize::try_from(i64::try_from(at).ok()?.checked_sub(back)?).ok()?;
        let length = usize::from(u16::from_le_bytes(array(bytes, fields)?));
        Some(Self { bytes, at, fields: (fields, length) })
    }

    /// Offset of a field; `None` if the field has its default value.
    fn field(&self, index: usize) -> Option<usize> {
        let entry = 4 + 2 * index;
        if entry + 2 > self.fields.1 {
            return None;
        }
        match u16::from_le_bytes(array(self.bytes, self.fields.0.checked_add(entry)?)?) {
            0 => None,
            relative => self.at.checked_add(usize::from(relative)),
        }
    }

    pub(super) fn i64(&self, index: usize) -> Option<i64> {
        Some(i64::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    pub(super) fn i32(&self, index: usize) -> Option<i32> {
        Some(i32::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    pub(super) fn i16(&self, index: usize) -> Option<i16> {
        Some(i16::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    pub(super) fn i8(&self, index: usize) -> Option<i8> {
        Some(i8::from_le_bytes(array(self.bytes, self.field(index)?)?))
    }

    /// A number within a structure that the table holds, `inside` bytes after its start.
    pub(super) fn i32_inside(&self, index: usize, inside: usize) -> Option<i32> {
        let at = self.field(index)?.checked_add(inside)?;
        Some(i32::from_le_bytes(array(self.bytes, at)?))
    }

    /// The number of elements of a vector, and its bytes as far as the buffer has them. For the
    /// beginning of a packet, which does not hold all of its vectors.
    pub(super) fn vector_start(&self, index: usize) -> Option<(usize, &'a [u8])> {
        let at = offset(self.bytes, self.field(index)?)?;
        let count = u32::from_le_bytes(array(self.bytes, at)?) as usize;
        Some((count, self.bytes.get(at.checked_add(4)?..)?))
    }

    /// A vector of elements of `size` bytes each.
    pub(super) fn vector(&self, index: usize, size: usize) -> Option<&'a [u8]> {
        let at = offset(self.bytes, self.field(index)?)?;
        let count = u32::from_le_bytes(array(self.bytes, at)?) as usize;
        let start = at.checked_add(4)?;
        self.bytes.get(start..start.checked_add(count.checked_mul(size)?)?)
    }

    /// The tables of a vector of tables.
    pub(super) fn tables(&self, index: usize) -> impl Iterator<Item = Option<Self>> {
        let start = self.field(index).and_then(|at| offset(self.bytes, at));
        let count = self.vector(index, 4).map_or(0, |v| v.len() / 4);
        let bytes = self.bytes;
        (0..count).map(move |i| {
            let entry = start?.checked_add(4)?.checked_add(i.checked_mul(4)?)?;
            Self::new(bytes, offset(bytes, entry)?)
        })
    }
}
