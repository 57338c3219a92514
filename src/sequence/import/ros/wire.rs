//! Fields of ROS messages in the two forms they are stored in: ROS 1's and CDR, ROS 2's.

/// Why a message cannot be read.
pub(super) type MessageError = String;

/// A message that is being read.
pub(super) struct Wire<'a> {
    /// After CDR's header, which alignment is counted from.
    bytes: &'a [u8],
    at: usize,
    cdr: bool,
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8], cdr: bool) -> Result<Self, MessageError> {
        if !cdr {
            return Ok(Self { bytes, at: 0, cdr });
        }
        match bytes {
            [0, 1, _, _, rest @ ..] => Ok(Self { bytes: rest, at: 0, cdr }),
            [0, 0, ..] => Err("big-endian CDR is not supported".into()),
            _ => Err("not CDR, the usual encoding of ROS 2".into()),
        }
    }

    pub(super) fn is_cdr(&self) -> bool {
        self.cdr
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], MessageError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        self.at = end.unwrap_or(usize::MAX);
        taken.ok_or_else(|| "the message is cut off".into())
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], MessageError> {
        if self.cdr {
            self.at = self.at.next_multiple_of(N);
        }
        self.take(N)?.try_into().map_err(|_| "the message is cut off".to_owned())
    }

    pub(super) fn u8(&mut self) -> Result<u8, MessageError> {
        Ok(u8::from_le_bytes(self.number()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, MessageError> {
        Ok(u16::from_le_bytes(self.number()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, MessageError> {
        Ok(u32::from_le_bytes(self.number()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, MessageError> {
        Ok(u64::from_le_bytes(self.number()?))
    }

    /// A list of bytes, or a string with CDR's zero at its end.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], MessageError> {
        let count = self.u32()?;
        self.take(count as usize)
    }

    pub(super) fn string(&mut self) -> Result<String, MessageError> {
        let text = String::from_utf8_lossy(self.bytes()?).into_owned();
        Ok(text.trim_end_matches('\0').to_owned())
    }

    /// A time in microseconds.
    pub(super) fn time_us(&mut self) -> Result<i64, MessageError> {
        let (seconds, nanoseconds) = (self.u32()?, self.u32()?);
        Ok(i64::from(seconds) * 1_000_000 + i64::from(nanoseconds) / 1000)
    }

    /// The header of a message; returns its time in microseconds.
    pub(super) fn header_us(&mut self) -> Result<i64, MessageError> {
        if !self.cdr {
            self.u32()?;
        }
        let stamp_us = self.time_us()?;
        self.string()?;
        Ok(stamp_us)
    }
}
