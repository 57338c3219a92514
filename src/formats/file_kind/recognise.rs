//! Recognises files by their first bytes.

use super::kind::FileKind;
use crate::formats::input;
use std::path::Path;

/// Number of first bytes that [`FileKind::of`] looks at.
pub const HEAD_BYTES: usize = 1024;

/// The first bytes of kinds that have a signature at the start.
const SIGNATURES: [(&[u8], FileKind); 37] = [
    (b"version https://git-lfs", FileKind::LfsPointer),
    (b"version https://hawser", FileKind::LfsPointer),
    (b"\x00\x05\x16\x07", FileKind::AppleDouble),
    (b"PK\x03\x04", FileKind::Zip),
    (b"PK\x05\x06", FileKind::Zip),
    (b"\x93NUMPY", FileKind::Npy),
    (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", FileKind::LegacyTorch),
    (b"#!AER-DAT4", FileKind::Aedat4),
    (b"#!AER-DAT", FileKind::OldAedat),
    (b"Event Stream", FileKind::EventStream),
    (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (b"MATLAB ", FileKind::Matlab),
    (b"#ROSBAG V", FileKind::Rosbag),
    (b"\x89MCAP", FileKind::Mcap),
    (b"SQLite format 3", FileKind::Sqlite),
    (b"\x89PNG", FileKind::Picture),
    (b"\xff\xd8\xff", FileKind::Picture),
    (b"GIF8", FileKind::Picture),
    (b"II*\x00", FileKind::Picture),
    (b"MM\x00*", FileKind::Picture),
    (b"BM", FileKind::Picture),
    (b"P5", FileKind::Picture),
    (b"P6", FileKind::Picture),
    (b"\x1a\x45\xdf\xa3", FileKind::Video),
    (b"YUV4MPEG2", FileKind::Video),
    (b"\x1f\x8b", FileKind::Archive),
    (b"BZh", FileKind::Archive),
    (b"\xfd7zXZ", FileKind::Archive),
    (b"7z\xbc\xaf", FileKind::Archive),
    (b"\x28\xb5\x2f\xfd", FileKind::Archive),
    (b"Rar!", FileKind::Archive),
    (b"\x80\x02", FileKind::Pickle),
    (b"\x80\x03", FileKind::Pickle),
    (b"\x80\x04", FileKind::Pickle),
    (b"\x80\x05", FileKind::Pickle),
    (b"%YAML", FileKind::Yaml),
    (b"\xef\xbb\xbf%YAML", FileKind::Yaml),
];

impl FileKind {
    /// The kind of a file whose first [`HEAD_BYTES`] are `head`.
    pub fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        if let Some((_, kind)) = SIGNATURES.iter().find(|(start, _)| head.starts_with(start)) {
            return *kind;
        }
        let at =
            |from: usize, what: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(what));
        if head.iter().all(|b| *b == 0) {
            return Self::Zeros;
        }
        if at(4, b"ftyp") || (at(0, b"RIFF") && at(8, b"AVI")) {
            return Self::Video;
        }
        if at(0, b"RIFF") && at(8, b"WEBP") {
            return Self::Picture;
        }
        if at(257, b"ustar") {
            return Self::Archive;
        }
        // The length of the header, then a JSON object.
        if at(8, b"{\"") && at(6, &[0, 0]) {
            return Self::Safetensors;
        }
        Self::of_text(head)
    }

    /// The kind of a file on the disk.
    ///
    /// # Errors
    /// The file cannot be read, or is not a regular file.
    pub fn of_file(path: &Path) -> std::io::Result<Self> {
        Ok(Self::of(&input::head(path, HEAD_BYTES)?))
    }

    fn of_text(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let binary = |b: &u8| *b < 9 || (14..32).contains(b);
        // Other encodings are text too, if most of it is ASCII; the end may be cut within a
        // character.
        let utf8 = std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true);
        let foreign = head.iter().filter(|b| !b.is_ascii()).count();
        if head.iter().any(binary) || (!utf8 && foreign > head.len().wrapping_div(4)) {
            return Self::Unknown;
        }
        let text = String::from_utf8_lossy(head).to_lowercase();
        let start = text.trim_start();
        if start.starts_with("<!doctype html") || start.starts_with("<html") {
            return Self::Html;
        }
        // The header of a Prophesee camera: lines that begin with a per cent sign.
        if start.starts_with("% ") {
            return Self::Prophesee;
        }
        if start.starts_with('{') || start.starts_with("[{") {
            return Self::Json;
        }
        let content = |l: &&str| !l.trim().is_empty() && !l.trim_start().starts_with('#');
        let is_pair = |line: &str| {
            let Some((key, value)) = line.split_once(':') else { return false };
            let word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            !key.is_empty() && key.chars().all(word) && (value.is_empty() || value.starts_with(' '))
        };
        match start.lines().find(content) {
            Some(line) if is_pair(line) || line.starts_with("---") => Self::Yaml,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;
    use crate::formats::file_kind::Wanted;

    #[test]
    fn kinds_are_recognised_by_their_first_bytes() {
        let lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 6050\n";
        let cases: [(&[u8], FileKind); 25] = [
            (b"", FileKind::Empty),
            (&[0; 600], FileKind::Zeros),
            (lfs, FileKind::LfsPointer),
            (b"<!DOCTYPE html><html>", FileKind::Html),
            (b"\n <html lang=de>", FileKind::Html),
            (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", FileKind::AppleDouble),
            (b"PK\x03\x04\x14\x00", FileKind::Zip),
            (b"\x93NUMPY\x01\x00v\x00", FileKind::Npy),
            (b"\x40\x00\x00\x00\x00\x00\x00\x00{\"a\":", FileKind::Safetensors),
            (b"#!AER-DAT4.0\r\n", FileKind::Aedat4),
            (b"#!AER-DAT2.0\r\n", FileKind::OldAedat),
            (b"% camera_integrator_name Prophesee\n% evt 2.0\n", FileKind::Prophesee),
            (b"Event Stream\x02\x00\x00", FileKind::EventStream),
            (b"\x89HDF\r\n\x1a\n\x00", FileKind::Hdf5),
            (b"#ROSBAG V2.0\n", FileKind::Rosbag),
            (b"MATLAB 7.3 MAT-file, Platform: GLNXA64", FileKind::Matlab),
            (b"\x89MCAP0\r\n", FileKind::Mcap),
            (b"SQLite format 3\x00\x10\x00", FileKind::Sqlite),
            (b"\x89PNG\r\n\x1a\n", FileKind::Picture),
            (b"\x00\x00\x00\x18ftypmp42", FileKind::Video),
            (b"# a test\nroot_path: data\n", FileKind::Yaml),
            (b"{\"psnr\": 3}", FileKind::Json),
            (b"x,y,timestamp,polarity\n1,2,100,1\n", FileKind::Text),
            (b"\x01\x02\x03\x04", FileKind::Unknown),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff{\"", FileKind::Unknown),
        ];
        for (head, kind) in cases {
            assert_eq!(FileKind::of(head), kind, "{:?}", String::from_utf8_lossy(head));
            for wanted in [
                Wanted::Recording,
                Wanted::Source,
                Wanted::Weights,
                Wanted::Config,
                Wanted::Table,
                Wanted::Picture,
            ] {
                let message = kind.message(wanted);
                assert!(message.contains(kind.name()) && !message.contains('\n'), "{message}");
            }
        }
    }
}
