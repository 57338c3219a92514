//! The compression of packets.

use ruzstd::decoding::StreamingDecoder;
use std::io::Read;

/// Largest accepted header or packet, compressed or not, in bytes.
pub(super) const LARGEST: u64 = 1 << 28;

/// The unpacked bytes of a packet.
pub(super) fn unpacker<'a, R: Read + 'a>(
    compression: i32,
    packed: R,
) -> std::io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        0 => Box::new(packed),
        1 | 2 => Box::new(lz4_flex::frame::FrameDecoder::new(packed)),
        _ => Box::new(StreamingDecoder::new(packed).map_err(std::io::Error::other)?),
    })
}

/// Largest block of Zstandard, unpacked.
const ZSTD_BLOCK: u64 = 128 << 10;

/// Unpacks the first `count` bytes of a packet. Also returns how much was unpacked for them beyond
/// the first block: Zstandard gives nothing before it has unpacked a whole window, of up to 128 MiB.
pub(super) fn unpack_start(
    compression: i32,
    packed: impl Read,
    count: u64,
) -> (std::io::Result<Vec<u8>>, u64) {
    let mut bytes = Vec::new();
    if compression < 3 {
        let read = unpacker(compression, packed)
            .and_then(|unpacked| unpacked.take(count).read_to_end(&mut bytes));
        return (read.map(|_| bytes), 0);
    }
    let mut decoder = match StreamingDecoder::new(packed) {
        Ok(decoder) => decoder,
        Err(why) => return (Err(std::io::Error::other(why)), 0),
    };
    let read = decoder.by_ref().take(count).read_to_end(&mut bytes);
    let blocks = decoder.decoder.blocks_decoded().saturating_sub(1) as u64;
    (read.map(|_| bytes), blocks.saturating_mul(ZSTD_BLOCK))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    /// A frame of Zstandard of blocks of 128 KiB of zeros, with a window of 4 MiB.
    fn zeros(blocks: usize) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 12 << 3];
        for block in 1..=blocks {
            // Size, repeated byte, and whether it is the last one.
            let header = (128_u32 << 13) | (1 << 1) | u32::from(block == blocks);
            frame.extend(header.to_le_bytes().get(..3).unwrap());
            frame.push(0);
        }
        frame
    }

    #[test]
    fn what_is_unpacked_for_a_beginning_is_counted() {
        let (start, unpacked) = unpack_start(3, zeros(40).as_slice(), 100);
        assert_eq!(start.unwrap(), [0; 100]);
        assert!((4 << 20..8 << 20).contains(&unpacked), "{unpacked}");
        let (start, unpacked) = unpack_start(3, zeros(1).as_slice(), 100);
        assert_eq!((start.unwrap().len(), unpacked), (100, 0));
        let (start, unpacked) = unpack_start(0, [7_u8; 200].as_slice(), 100);
        assert_eq!((start.unwrap(), unpacked), (vec![7; 100], 0));
        assert!(unpack_start(3, b"no frame".as_slice(), 100).0.is_err());
    }
}
