//! The kind of a file that was dropped onto the window or chosen.

use std::path::Path;

/// Kind of a dropped or chosen file, from its extension.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Weights,
    Recording,
    Unknown,
}

impl FileKind {
    /// The kind of the file or folder at `path`.
    pub(super) fn of(path: &Path) -> Self {
        if path.is_dir() {
            return Self::Recording;
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match extension.as_str() {
            "ckpt" | "pth" | "pt" | "safetensors" => Self::Weights,
            "aedat4" | "npz" | "bag" | "mcap" | "h5" | "hdf5" => Self::Recording,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_file_follows_from_its_extension() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(FileKind::of(folder.path()), FileKind::Recording);
        assert_eq!(FileKind::of(Path::new("a/b.AEDAT4")), FileKind::Recording);
        assert_eq!(FileKind::of(Path::new("desk.bag")), FileKind::Recording);
        assert_eq!(FileKind::of(Path::new("best.ckpt")), FileKind::Weights);
        assert_eq!(FileKind::of(Path::new("best.safetensors")), FileKind::Weights);
        assert_eq!(FileKind::of(Path::new("letter.odt")), FileKind::Unknown);
        assert_eq!(FileKind::of(Path::new("nothing")), FileKind::Unknown);
    }
}
