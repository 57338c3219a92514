//! The registry of sources. A new kind of camera is a file here, which names and opens it, and its
//! line in [`KINDS`]; its driver lies in `camera/drivers/`.

mod clip;
mod davis;
mod dv;
mod event_cameras;
mod genicam;
mod loadgen;
mod replay;
mod sim;
mod uvc;

use super::source_kind::{SourceKind, SourceName};
use std::ffi::OsStr;
use std::path::Path;
use std::str::FromStr;

/// All kinds, in the order in which messages list them.
pub static KINDS: &[&SourceKind] = &[
    &clip::KIND,
    &sim::KIND,
    &loadgen::KIND,
    &davis::KIND,
    &dv::KIND,
    &replay::KIND,
    &genicam::KIND,
    &uvc::KIND,
    &event_cameras::EVK3,
    &event_cameras::EVK4,
    &event_cameras::SILKYEVCAM,
    &event_cameras::UEYE,
    &event_cameras::DVXPLORER,
];

impl SourceName {
    /// The embedded clip.
    pub fn clip() -> Self {
        Self::new(&clip::KIND, None)
    }

    /// A recording: an AEDAT4 file or a folder of MS-RBD pairs.
    pub fn replay(path: &Path) -> Self {
        Self::new(&replay::KIND, Some(path.as_os_str().to_owned()))
    }

    /// A DAVIS; with a serial number, only that device.
    pub fn davis(serial: Option<&str>) -> Self {
        Self::new(&davis::KIND, serial.map(Into::into))
    }

    /// As [`FromStr`], for arguments that need not be text: the path of a recording may be any.
    ///
    /// # Errors
    /// One line for the user.
    pub fn from_os(name: &OsStr) -> Result<Self, String> {
        if let Some(text) = name.to_str() {
            return text.parse();
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            if let Some(path) = name.as_bytes().strip_prefix(b"replay:") {
                return Ok(Self::replay(Path::new(OsStr::from_bytes(path))));
            }
        }
        Err(format!("{} is not valid UTF-8", name.display()))
    }

    /// Whether it is the embedded clip.
    pub fn is_clip(&self) -> bool {
        self.kind().name == clip::KIND.name
    }

    /// The path, if it is a recording.
    pub fn recording(&self) -> Option<&Path> {
        let argument = self.argument().filter(|_| self.kind().name == replay::KIND.name)?;
        Some(replay::split(argument).map_or(Path::new(argument), |(path, _)| path))
    }

    /// With the exposure time of frames that state none; `None` if it is not a recording, whose
    /// frames always state it or are controlled.
    pub fn with_exposure_us(&self, exposure_us: i64) -> Option<Self> {
        self.recording()?;
        let mut argument = self.argument().unwrap_or_default().to_owned();
        argument.push(format!(",exposure_us={exposure_us}"));
        Some(Self::new(self.kind(), Some(argument)))
    }
}

impl Default for SourceName {
    fn default() -> Self {
        Self::clip()
    }
}

impl FromStr for SourceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, argument) = text.split_once(':').map_or((text, None), |(n, a)| (n, Some(a)));
        let named = |kind: &&&SourceKind| kind.name == name || kind.aliases.contains(&name);
        let Some(kind) = KINDS.iter().find(named) else {
            let known: Vec<&str> = KINDS.iter().map(|kind| kind.spellings).collect();
            return Err(format!("{text} is not a source: use one of {}", known.join(", ")));
        };
        let argument = (kind.check)(argument.filter(|a| !a.is_empty()))
            .map_err(|why| format!("{text}: {why}"))?;
        Ok(Self::new(kind, argument.map(Into::into)))
    }
}
