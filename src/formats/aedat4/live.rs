//! AEDAT4 as a live stream: what DV's network output and dv-processing's `NetworkWriter` send. It is
//! a file without its first 14 bytes and without the table at its end.

use super::io_header::{HeaderError, IoHeader};
use super::packing::{LARGEST, unpacker};
use super::part::Part;
use super::streams::StreamInfo;
use std::io::Read;

/// Why a live stream cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub enum LiveReadError {
    /// The connection failed or was closed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is not such a stream.
    #[error("{0}")]
    Protocol(&'static str),
}

/// Reads the packets of a live stream.
pub struct LivePackets<R> {
    from: R,
    compression: i32,
    streams: Vec<StreamInfo>,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl<R: Read> LivePackets<R> {
    /// Reads the header, which the sender transmits first.
    ///
    /// # Errors
    /// The connection fails, or the sender speaks another protocol.
    pub fn start(mut from: R) -> Result<Self, LiveReadError> {
        let header = IoHeader::read(&mut from, LARGEST).map_err(|error| match error {
            HeaderError::Io(e) => LiveReadError::Io(e),
            HeaderError::Invalid(_) => {
                LiveReadError::Protocol("it does not begin with the header of a DV stream")
            }
            HeaderError::Compression(_) => {
                LiveReadError::Protocol("its compression is unknown: choose LZ4 or none")
            }
        })?;
        let IoHeader { compression, streams, .. } = header;
        let (packed, unpacked) = (Vec::new(), Vec::new());
        Ok(Self { from, compression, streams, packed, unpacked })
    }

    /// The streams that the header lists.
    pub fn streams(&self) -> &[StreamInfo] {
        &self.streams
    }

    /// Waits for the next packet. `Ok(Err(why))` is a damaged one; the packets after it can be read.
    ///
    /// # Errors
    /// The connection fails or was closed, or the packet's length is impossible.
    pub fn read_packet(&mut self) -> Result<Result<Part, String>, LiveReadError> {
        let mut head = [0; 8];
        self.from.read_exact(&mut head)?;
        let [_, _, _, _, a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        if length > LARGEST {
            return Err(LiveReadError::Protocol("a packet is larger than 256 MiB"));
        }
        self.packed.clear();
        if self.from.by_ref().take(length).read_to_end(&mut self.packed)? as u64 != length {
            return Err(LiveReadError::Io(std::io::ErrorKind::UnexpectedEof.into()));
        }
        if self.compression == 0 {
            return Ok(Part::parse(&self.packed).map_err(str::to_owned));
        }
        self.unpacked.clear();
        let unpacked = unpacker(self.compression, self.packed.as_slice())
            .and_then(|from| from.take(LARGEST).read_to_end(&mut self.unpacked));
        Ok(match unpacked {
            Ok(_) => Part::parse(&self.unpacked).map_err(str::to_owned),
            Err(why) => Err(why.to_string()),
        })
    }
}
