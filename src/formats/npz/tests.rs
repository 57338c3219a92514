#![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

use super::*;

/// An archive that Python's zipfile packed with LZMA: the array 0, 9, 18, 27, 36 under `a`.
const LZMA: [&str; 5] = [
    "504b03043f0002000e0000002100dc71d8275b0000008500000005000000612e6e7079090405005d00008000",
    "00499386a4ded382796a5b0d233836ab9d9d4c4deee36dc331696bfb1134772c5d7e20338ead2c39772d8d6a",
    "c52af3db77899e2dc6c2b34d9b46aba1b4122832329674e796514b434099cc383a9ffd6230c0504b01023f03",
    "3f0002000e0000002100dc71d8275b00000085000000050000000000000000000000800100000000612e6e70",
    "79504b05060000000001000100330000007e0000000000",
];

fn lzma() -> Vec<u8> {
    let text = LZMA.concat();
    let digits = text.as_bytes().chunks(2).map(|c| std::str::from_utf8(c).unwrap());
    digits.map(|d| u8::from_str_radix(d, 16).unwrap()).collect()
}

#[test]
fn lzma_is_unpacked_with_a_bounded_dictionary() {
    let good = lzma();
    let array = Npz::new(&good).unwrap().get("a", 5).unwrap().unwrap();
    assert_eq!(array.integers().unwrap(), [0, 9, 18, 27, 36]);
    // Version 9.4, five bytes of properties, the first of them 0x5d: then the dictionary's size.
    let mut greedy = good;
    let at = greedy.windows(5).position(|w| w == [9, 4, 5, 0, 0x5d]).unwrap();
    greedy[at + 5..at + 9].fill(0xff);
    assert!(matches!(Npz::new(&greedy).unwrap().get("a", 5), Err(NpzError::TooLarge)));
}

#[test]
fn an_unknown_packing_is_named() {
    let mut bytes = write(&[("a", npy::write("|u1", &[1], &[7]))]).unwrap();
    // The method in the local and in the central header.
    for (magic, offset) in [([0x50, 0x4b, 3, 4], 8), ([0x50, 0x4b, 1, 2], 10)] {
        let at = bytes.windows(4).position(|w| w == magic).unwrap();
        bytes[at + offset] = 97;
    }
    let error = Npz::new(&bytes).unwrap().get("a", 5).unwrap_err().to_string();
    assert!(error.contains("97") && error.contains("numpy.savez"), "{error}");
}

#[test]
fn entries_without_an_ending_are_read_as_numpy_reads_them() {
    let mut bytes = Vec::new();
    let mut zip = zip::ZipWriter::new(Cursor::new(&mut bytes));
    zip.start_file("a", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&npy::write("|u1", &[1], &[7])).unwrap();
    zip.finish().unwrap();
    let array = Npz::new(&bytes).unwrap().get("a", 5).unwrap().unwrap();
    assert_eq!(array.integers().unwrap(), [7]);
}
