//! Files to which another one was appended.

use crate::formats::aedat4::reader::{Aedat4Error, MAGIC, Reader};
use std::io::{BufRead, Seek, SeekFrom};

impl Reader {
    /// Offset of the first beginning of an AEDAT4 file at or after this offset.
    pub(super) fn next_file(&mut self, from: u64) -> Result<Option<u64>, Aedat4Error> {
        self.file.seek(SeekFrom::Start(from))?;
        let mut at = from;
        // The number of bytes of MAGIC that the bytes before `at` match.
        let mut matched = 0;
        loop {
            let bytes = self.file.fill_buf()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            for byte in bytes {
                at += 1;
                matched = match MAGIC.get(matched) {
                    Some(expected) if byte == expected => matched + 1,
                    // The first byte occurs only once in it.
                    _ => usize::from(MAGIC.first() == Some(byte)),
                };
                if matched == MAGIC.len() {
                    return Ok(Some(at - MAGIC.len() as u64));
                }
            }
            let read = bytes.len();
            self.file.consume(read);
        }
    }
}
