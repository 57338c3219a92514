//! Writes arrays.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

/// The bytes of a .npy file: version 1.0, the data aligned to 64 bytes as numpy does.
pub fn write(descr: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let mut out = header(descr, shape);
    out.extend(data);
    out
}

/// The part of such a file before the data.
pub fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let sides: String = shape.iter().map(|s| format!("{s}, ")).collect();
    let sides = if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
    const PREFIX: usize = 10;
    // With the prefix and the line break a multiple of 64.
    while !header.len().saturating_add(PREFIX).saturating_add(1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    // With at most 32 axes the header is far shorter than 64 KiB.
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out
}
