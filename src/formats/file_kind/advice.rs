//! What to do with a file of another kind than the one that was expected.

use super::kind::FileKind;

/// What a file was given as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An MS-RBD recording, to restore, to evaluate or to train on.
    Recording,
    /// A recording to play.
    Source,
    /// A recording of another format, to import.
    Foreign,
    /// Weights of the network.
    Weights,
    /// A configuration.
    Config,
    /// A table of numbers beside pictures.
    Table,
    /// A picture.
    Picture,
}

/// The way from a bag of ROS 2 in SQLite to a recording.
pub const ROS2_ADVICE: &str = "convert a bag of ROS 2 to MCAP with ros2 bag convert -i BAG -o \
                               OPTIONS.yaml (storage_id: mcap), then gem-live import FILE.mcap --out \
                               SET";

impl FileKind {
    /// What it is, what was expected, and which command accepts it, in one line.
    pub fn message(self, wanted: Wanted) -> String {
        let expected = match wanted {
            Wanted::Recording => "an MS-RBD recording (npz)",
            Wanted::Source => {
                "a recording that can be played (npz files, AEDAT 4, HDF5 of EFNet, bags of ROS 1, \
                 MCAP, or a folder of pictures with tables of events and times)"
            }
            Wanted::Foreign => {
                "a recording that is imported (HDF5 of EFNet, bags of ROS 1, MCAP, or a folder of \
                 pictures with tables of events and times)"
            }
            Wanted::Weights => "weights (ckpt, pth or safetensors)",
            Wanted::Config => "a YAML configuration",
            Wanted::Table => "a table of numbers (csv or txt)",
            Wanted::Picture => "a picture (png, jpg or bmp)",
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
            Self::Aedat4 if matches!(wanted, Wanted::Recording | Wanted::Foreign) => {
                "convert it with gem-live record --source replay:FILE --out FOLDER"
            }
            Self::Aedat4 | Self::Zip if wanted != Wanted::Source => {
                "recordings are given to gem-live deblur, test, train or export"
            }
            Self::Zip => "a recording in it is read if its name ends in .npz",
            Self::Aedat4 => "give it as replay:FILE",
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
    use super::*;

    #[test]
    fn the_message_names_the_command_that_accepts_the_file() {
        for (kind, wanted, command) in [
            (FileKind::Aedat4, Wanted::Recording, "gem-live record --source replay:"),
            (FileKind::Aedat4, Wanted::Foreign, "gem-live record --source replay:"),
            (FileKind::Hdf5, Wanted::Recording, "gem-live import FILE --out"),
            (FileKind::Mcap, Wanted::Recording, "gem-live --source replay:FILE"),
            (FileKind::Rosbag, Wanted::Source, "gem-live import FILE --out"),
            (FileKind::Picture, Wanted::Recording, "gem-live import FOLDER --out"),
            (FileKind::Text, Wanted::Source, "gem-live --source replay:FOLDER"),
            (FileKind::Yaml, Wanted::Recording, "--config"),
            (FileKind::Safetensors, Wanted::Recording, "--weights"),
            (FileKind::Zip, Wanted::Config, "gem-live deblur"),
            (FileKind::Zip, Wanted::Source, "its name ends in .npz"),
            (FileKind::OldAedat, Wanted::Source, "no command reads this format"),
            (FileKind::Sqlite, Wanted::Recording, "ros2 bag convert"),
            (FileKind::Sqlite, Wanted::Source, "gem-live import FILE.mcap --out"),
            (FileKind::LfsPointer, Wanted::Weights, "git lfs pull"),
            (FileKind::LfsPointer, Wanted::Picture, "not a picture (png, jpg or bmp): fetch"),
            (FileKind::Archive, Wanted::Table, "unpack it"),
        ] {
            let message = kind.message(wanted);
            assert!(message.contains(command), "{message}");
        }
    }
}
