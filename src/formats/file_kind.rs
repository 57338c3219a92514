//! Recognises files by their first bytes, so that a file of the wrong kind is named and the command
//! that accepts it is named.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use std::path::Path;

/// Number of first bytes that [`FileKind::of`] looks at.
pub const HEAD_BYTES: usize = 1024;

/// What a file is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// No bytes at all.
    Empty,
    /// Zeros only: a download or a copy that did not finish.
    Zeros,
    /// The placeholder that git stores for a large file.
    LfsPointer,
    /// A web page, often saved in place of a download.
    Html,
    /// The companion file that macOS writes on foreign disks.
    AppleDouble,
    /// A zip archive: npz recordings, and checkpoints of PyTorch 1.6 and later.
    Zip,
    /// A single numpy array.
    Npy,
    /// A safetensors file.
    Safetensors,
    /// A checkpoint of PyTorch before 1.6.
    LegacyTorch,
    /// Another Python pickle.
    Pickle,
    /// An AEDAT 4 recording.
    Aedat4,
    /// A recording of AEDAT 1 to 3.
    OldAedat,
    /// A raw recording of a Prophesee camera.
    Prophesee,
    /// An Event Stream recording.
    EventStream,
    /// An HDF5 file.
    Hdf5,
    /// A MATLAB file.
    Matlab,
    /// A bag of ROS 1.
    Rosbag,
    /// An MCAP recording.
    Mcap,
    /// An SQLite database, as in bags of ROS 2.
    Sqlite,
    /// A picture.
    Picture,
    /// A video.
    Video,
    /// A compressed file or archive other than zip.
    Archive,
    /// YAML text.
    Yaml,
    /// JSON text.
    Json,
    /// Other text, such as tables of events.
    Text,
    /// None of these.
    Unknown,
}

/// What a file was given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An MS-RBD recording, to restore, to evaluate or to train on.
    Recording,
    /// A recording to play.
    Source,
    /// Weights of the network.
    Weights,
    /// A configuration.
    Config,
}

/// The way from a bag of ROS 2 in SQLite to a recording.
pub const ROS2_ADVICE: &str = "convert a bag of ROS 2 to MCAP with ros2 bag convert -i BAG -o \
                               OPTIONS.yaml (storage_id: mcap), then gem-live import FILE.mcap --out \
                               SET";

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
        Ok(Self::of(&super::input::head(path, HEAD_BYTES)?))
    }

    fn of_text(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let binary = |b: &u8| *b < 9 || (14..32).contains(b);
        // Other encodings are text too, if most of it is ASCII; the end may be cut within a character.
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

    /// What it is, with an article.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Zeros => "a file of zeros",
            Self::LfsPointer => "a Git LFS pointer",
            Self::Html => "a web page",
            Self::AppleDouble => "a companion file of macOS",
            Self::Zip => "a zip archive",
            Self::Npy => "a single numpy array (npy)",
            Self::Safetensors => "a safetensors file",
            Self::LegacyTorch => "a PyTorch checkpoint",
            Self::Pickle => "a Python pickle",
            Self::Aedat4 => "an AEDAT 4 recording",
            Self::OldAedat => "a recording of AEDAT 1 to 3",
            Self::Prophesee => "a raw recording of a Prophesee camera",
            Self::EventStream => "an Event Stream (es) recording",
            Self::Hdf5 => "an HDF5 file",
            Self::Matlab => "a MATLAB file",
            Self::Rosbag => "a bag of ROS 1",
            Self::Mcap => "an MCAP recording",
            Self::Sqlite => "an SQLite database (a bag of ROS 2?)",
            Self::Picture => "a picture",
            Self::Video => "a video",
            Self::Archive => "a compressed archive",
            Self::Yaml => "a YAML text",
            Self::Json => "a JSON text",
            Self::Text => "a text",
            Self::Unknown => "a file of an unknown kind",
        }
    }

    /// What it is, what was expected, and which command accepts it, in one line.
    pub fn message(self, wanted: Wanted) -> String {
        let expected = match wanted {
            Wanted::Recording => "an MS-RBD recording (npz)",
            Wanted::Source => {
                "a recording that can be played (npz files, AEDAT 4, HDF5 of EFNet, bags of ROS 1, \
                 MCAP, or a folder of pictures with tables of events and times)"
            }
            Wanted::Weights => "weights (ckpt, pth or safetensors)",
            Wanted::Config => "a YAML configuration",
        };
        format!("it is {}, not {expected}: {}", self.name(), self.advice(wanted))
    }

    fn advice(self, wanted: Wanted) -> &'static str {
        let import = "convert it with gem-live import FILE --out FOLDER, or play it with \
                      gem-live --source replay:FILE";
        let pictures = "gem-live import FOLDER --out SET converts a folder of pictures with tables \
                        of events and times, and gem-live --source replay:FOLDER plays it";
        let none = "no command reads this format: convert it to AEDAT 4 first, or to pictures and a \
                    table of events for gem-live import";
        match self {
            Self::Empty | Self::Zeros => "copy or download it again",
            Self::LfsPointer => "fetch the file itself with git lfs pull",
            Self::Html => {
                "the download failed: open the address in a browser, and download it again"
            }
            Self::AppleDouble => "the file of the same name without ._ is the right one",
            Self::Archive => "unpack it, and give its contents",
            Self::Aedat4 if wanted == Wanted::Recording => {
                "convert it with gem-live record --source replay:FILE --out FOLDER"
            }
            Self::Aedat4 | Self::Zip if wanted != Wanted::Source => {
                "recordings are given to gem-live deblur, test, train or export"
            }
            Self::Aedat4 | Self::Zip => "give it as replay:FILE",
            Self::Hdf5 | Self::Rosbag | Self::Mcap => import,
            Self::Matlab => {
                "read its arrays in Python with scipy.io.loadmat (h5py since version 7.3), and save \
                 them with numpy.savez"
            }
            Self::Sqlite => ROS2_ADVICE,
            Self::OldAedat | Self::Prophesee | Self::EventStream => none,
            Self::Picture => pictures,
            Self::Video => "it has no events: gem-live synth video makes a dataset from it",
            Self::Safetensors | Self::LegacyTorch if wanted != Wanted::Weights => {
                "weights are given with --weights"
            }
            Self::Yaml if wanted != Wanted::Config => {
                "configurations are given with --config to gem-live test or train"
            }
            Self::Text if wanted != Wanted::Config => pictures,
            Self::Npy => "numpy.savez writes a recording: one file with all its arrays",
            _ => "no command reads it",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

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
            for wanted in [Wanted::Recording, Wanted::Source, Wanted::Weights, Wanted::Config] {
                let message = kind.message(wanted);
                assert!(message.contains(kind.name()) && !message.contains('\n'), "{message}");
            }
        }
    }

    #[test]
    fn the_message_names_the_command_that_accepts_the_file() {
        for (kind, wanted, command) in [
            (FileKind::Aedat4, Wanted::Recording, "gem-live record --source replay:"),
            (FileKind::Hdf5, Wanted::Recording, "gem-live import FILE --out"),
            (FileKind::Mcap, Wanted::Recording, "gem-live --source replay:FILE"),
            (FileKind::Rosbag, Wanted::Source, "gem-live import FILE --out"),
            (FileKind::Picture, Wanted::Recording, "gem-live import FOLDER --out"),
            (FileKind::Text, Wanted::Source, "gem-live --source replay:FOLDER"),
            (FileKind::Yaml, Wanted::Recording, "--config"),
            (FileKind::Safetensors, Wanted::Recording, "--weights"),
            (FileKind::Zip, Wanted::Config, "gem-live deblur"),
            (FileKind::OldAedat, Wanted::Source, "no command reads this format"),
            (FileKind::Sqlite, Wanted::Recording, "ros2 bag convert"),
            (FileKind::Sqlite, Wanted::Source, "gem-live import FILE.mcap --out"),
            (FileKind::LfsPointer, Wanted::Weights, "git lfs pull"),
        ] {
            let message = kind.message(wanted);
            assert!(message.contains(command), "{message}");
        }
    }
}
