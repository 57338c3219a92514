//! Opens files for reading: regular files only, and never more bytes than a limit. A named pipe, a
//! device or a link to one would otherwise be read forever.

#![warn(clippy::arithmetic_side_effects, reason = "numbers read from files must not overflow")]

use super::limits::MAX_TEXT_BYTES;
use std::fs::{File, FileType};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a regular file, also through a link.
///
/// # Errors
/// The system's error, or the path is a folder, a named pipe, a device or a socket.
pub fn open(path: &Path) -> Result<File> {
    // Before it is opened: that alone would wait for a writer at a named pipe.
    check(std::fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // And again, because the path may have been replaced in between.
    check(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and if the file is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let too_large = |bytes: u64| {
        let (found, limit) = (bytes >> 10, limit >> 10);
        let text = format!("the file has {found} KiB; at most {limit} KiB are read of such a file");
        Error::new(ErrorKind::FileTooLarge, text)
    };
    let declared = file.metadata()?.len();
    if declared > limit {
        return Err(too_large(declared));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(declared).unwrap_or(0));
    // The file may grow while it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// The first bytes of a regular file, at most `count`.
///
/// # Errors
/// As [`open`].
pub fn head(path: &Path, count: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(count);
    open(path)?.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a configuration as text; see [`decode_text`].
///
/// # Errors
/// As [`read`], and for text that is not UTF-8 outside its comments.
pub fn read_text(path: &Path) -> Result<String> {
    decode_text(&read(path, MAX_TEXT_BYTES)?)
}

/// Decodes text with `#` comments: UTF-8, with or without a byte order mark. Bytes of another
/// encoding are accepted in comments, which have no meaning, and nowhere else.
///
/// # Errors
/// Text of another encoding; the message names the line.
pub fn decode_text(bytes: &[u8]) -> Result<String> {
    let invalid = |text: String| Error::new(ErrorKind::InvalidData, text);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(invalid("the text is UTF-16: save the file as UTF-8".to_owned()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = String::with_capacity(bytes.len());
    for (number, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(error) => {
                let valid = line.get(..error.valid_up_to()).unwrap_or_default();
                let comment = valid.starts_with(b"#") || valid.windows(2).any(|w| w == b" #");
                if !comment {
                    let number = number.saturating_add(1);
                    let text = format!("line {number} is not UTF-8 text: save the file as UTF-8");
                    return Err(invalid(text));
                }
                text.push_str(&String::from_utf8_lossy(line));
            }
        }
    }
    Ok(text)
}

fn check(kind: FileType) -> Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let text = format!("{}, not a file that can be read", name(kind));
    Err(Error::new(ErrorKind::InvalidInput, text))
}

fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    if kind.is_dir() { "a folder" } else { "a special file" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail by panicking")]

    use super::*;

    #[test]
    fn larger_files_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read(&path, 100).unwrap(), [7; 100]);
        assert_eq!(read(&path, 99).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(head(&path, 3).unwrap(), [7; 3]);
        let error = read(folder.path(), 100).unwrap_err().to_string();
        assert!(error.contains("a folder"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn named_pipes_and_devices_are_refused_also_behind_links() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if made.is_ok_and(|status| status.success()) {
            let error = read(&pipe, 100).unwrap_err().to_string();
            assert!(error.contains("a named pipe"), "{error}");
        } else {
            println!("skipped: no mkfifo");
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let error = read(&link, 100).unwrap_err().to_string();
        assert!(error.contains("a device"), "{error}");
    }

    #[test]
    fn other_encodings_are_read_in_comments_and_explained_elsewhere() {
        assert_eq!(decode_text(b"\xef\xbb\xbfa: 1\n").unwrap(), "a: 1\n");
        assert!(decode_text(b"# Gr\xf6\xdfe\na: 1 # \xe4\n").unwrap().contains("a: 1 #"));
        let error = decode_text(b"a: 1\nroot_path: M\xfcnchen\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("UTF-8"), "{error}");
        assert!(decode_text(&[0xff, 0xfe, b'a', 0]).unwrap_err().to_string().contains("UTF-16"));
    }
}
