//! Huffman tables for motion JPEG: web cameras leave them out of every image.

use std::borrow::Cow;

/// A table as a JPEG file stores it: class and number, how many codes each length from 1 to 16 bits
/// has, and the symbols in the order of their codes.
struct Table(u8, [u8; 16], &'static [u8]);

/// The tables K.3 to K.6 of ITU-T T.81, annex K, which motion JPEG implies.
const TABLES: [Table; 4] = [
    Table(
        0x00,
        [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    Table(
        0x10,
        [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
        &[
            1, 2, 3, 0, 4, 17, 5, 18, 33, 49, 65, 6, 19, 81, 97, 7, 34, 113, 20, 50, 129, 145, 161,
            8, 35, 66, 177, 193, 21, 82, 209, 240, 36, 51, 98, 114, 130, 9, 10, 22, 23, 24, 25, 26,
            37, 38, 39, 40, 41, 42, 52, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73, 74, 83,
            84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116, 117, 118,
            119, 120, 121, 122, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147, 148, 149, 150,
            151, 152, 153, 154, 162, 163, 164, 165, 166, 167, 168, 169, 170, 178, 179, 180, 181,
            182, 183, 184, 185, 186, 194, 195, 196, 197, 198, 199, 200, 201, 202, 210, 211, 212,
            213, 214, 215, 216, 217, 218, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 241,
            242, 243, 244, 245, 246, 247, 248, 249, 250,
        ],
    ),
    Table(
        0x01,
        [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    Table(
        0x11,
        [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
        &[
            0, 1, 2, 3, 17, 4, 5, 33, 49, 6, 18, 65, 81, 7, 97, 113, 19, 34, 50, 129, 8, 20, 66,
            145, 161, 177, 193, 9, 35, 51, 82, 240, 21, 98, 114, 209, 10, 22, 36, 52, 225, 37, 241,
            23, 24, 25, 26, 38, 39, 40, 41, 42, 53, 54, 55, 56, 57, 58, 67, 68, 69, 70, 71, 72, 73,
            74, 83, 84, 85, 86, 87, 88, 89, 90, 99, 100, 101, 102, 103, 104, 105, 106, 115, 116,
            117, 118, 119, 120, 121, 122, 130, 131, 132, 133, 134, 135, 136, 137, 138, 146, 147,
            148, 149, 150, 151, 152, 153, 154, 162, 163, 164, 165, 166, 167, 168, 169, 170, 178,
            179, 180, 181, 182, 183, 184, 185, 186, 194, 195, 196, 197, 198, 199, 200, 201, 202,
            210, 211, 212, 213, 214, 215, 216, 217, 218, 226, 227, 228, 229, 230, 231, 232, 233,
            234, 242, 243, 244, 245, 246, 247, 248, 249, 250,
        ],
    ),
];

/// Markers: start of the image, of the tables, and of the coded data.
const START: [u8; 2] = [0xff, 0xd8];
const HUFFMAN: u8 = 0xc4;
const SCAN: u8 = 0xda;

/// The image with the implied tables before its coded data, if it has none of its own. Bytes that
/// do not form an image are returned as they are.
pub(super) fn with_tables(bytes: &[u8]) -> Cow<'_, [u8]> {
    match place_of_tables(bytes) {
        Some((before, after)) => {
            let segments = TABLES.iter().flat_map(|Table(class, lengths, symbols)| {
                let length = u16::try_from(2 + 1 + lengths.len() + symbols.len()).unwrap_or(0);
                let head = [0xff, HUFFMAN].into_iter().chain(length.to_be_bytes());
                head.chain([*class]).chain(*lengths).chain(symbols.iter().copied())
            });
            let all = before.iter().copied().chain(segments).chain(after.iter().copied());
            Cow::Owned(all.collect())
        }
        None => Cow::Borrowed(bytes),
    }
}

/// Splits an image where its tables belong; `None` if it has tables, or is not an image.
fn place_of_tables(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = START.len();
    if !bytes.starts_with(&START) {
        return None;
    }
    loop {
        // A segment: its marker, and its length, which counts itself.
        let [0xff, marker, high, low] = *bytes.get(at..at + 4)? else { return None };
        match marker {
            HUFFMAN => return None,
            SCAN => return bytes.split_at_checked(at),
            _ => at += 2 + usize::from(u16::from_be_bytes([high, low])),
        }
    }
}
