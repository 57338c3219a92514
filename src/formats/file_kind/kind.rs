//! The kinds of files that are recognised.

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

impl FileKind {
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
}
