//! What a kind of source is: how it is named on the command line, and how it is opened.

use super::{CameraChoice, RigHandleError};
use crate::camera::split::StreamKind;
use crate::rig::RigSettings;
use crate::sequence::ClipError;
use crate::time::EventTimes;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

/// A kind of camera, recording or simulation. [`super::sources::KINDS`] lists all of them.
#[derive(Debug)]
pub struct SourceKind {
    /// Its name on the command line, before a colon and an argument.
    pub name: &'static str,
    /// Names of earlier versions, still accepted.
    pub aliases: &'static [&'static str],
    /// All spellings, for messages.
    pub spellings: &'static str,
    /// Whether it delivers events. Those that deliver nothing else refuse to be opened for frames.
    pub has_events: bool,
    /// Checks the argument and writes it in its standard form.
    pub check: fn(Option<&str>) -> Result<Option<String>, String>,
    /// Opens it, with the argument in its standard form. A camera that is not connected is no
    /// error: its driver waits for it.
    pub open: fn(&mut OpenRequest<'_>) -> Result<CameraChoice, OpenError>,
}

/// What a source is opened with.
pub struct OpenRequest<'a> {
    /// The source's name.
    pub name: &'a SourceName,
    /// The one stream that is needed, if the other comes from another camera.
    pub stream: Option<StreamKind>,
    /// How often a recording is played.
    pub playback: Playback,
    /// Unit and offset of the events' times in a recording of MS-RBD pairs.
    pub times: EventTimes,
    /// Settings of the rig, which the source may adjust.
    pub rig: &'a mut RigSettings,
}

impl OpenRequest<'_> {
    /// The argument as text, such as a serial number.
    pub fn text(&self) -> Option<String> {
        self.name.argument.as_ref().map(|a| a.to_string_lossy().into_owned())
    }
}

/// How often a recording is played. Cameras ignore this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Playback {
    /// Repeatedly, at the recorded speed.
    Loop,
    /// Once, at the recorded speed.
    Once,
}

/// The name of a source, such as `davis:00000123`.
#[derive(Clone)]
pub struct SourceName {
    kind: &'static SourceKind,
    argument: Option<OsString>,
}

impl SourceName {
    /// A source of a kind; `argument` must be in its standard form.
    pub fn new(kind: &'static SourceKind, argument: Option<OsString>) -> Self {
        Self { kind, argument }
    }

    /// Its kind.
    pub fn kind(&self) -> &'static SourceKind {
        self.kind
    }

    /// What follows the colon.
    pub fn argument(&self) -> Option<&OsStr> {
        self.argument.as_deref()
    }

    /// Whether it delivers events.
    pub fn has_events(&self) -> bool {
        self.kind.has_events
    }
}

impl PartialEq for SourceName {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name && self.argument == other.argument
    }
}

impl Eq for SourceName {}

impl fmt::Debug for SourceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Display for SourceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.argument {
            None => f.write_str(self.kind.name),
            Some(argument) => write!(f, "{}:{}", self.kind.name, argument.display()),
        }
    }
}

/// Why a source could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The embedded clip cannot be read.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The recording cannot be started.
    #[error(transparent)]
    Record(#[from] RigHandleError),
    /// The file or folder of a recording does not exist.
    #[error("{0}: no such recording")]
    Missing(PathBuf),
    /// The argument cannot be used.
    #[error("{0}")]
    Argument(String),
    /// The events of a recording do not belong to its exposures, and strictness was requested.
    #[error("{0}")]
    Inconsistent(String),
    /// The system cannot start a thread.
    #[error("cannot start a camera thread: {0}")]
    Thread(#[from] std::io::Error),
    /// A frame camera without an event camera.
    #[error(
        "{0} delivers no events: add an event camera, for example \
             --frame-source {0} --event-source davis"
    )]
    NoEvents(SourceName),
    /// The clip as one of two cameras.
    #[error("{0} cannot be one of two cameras: use --source {0}")]
    NotACamera(SourceName),
}

/// The check of a kind without an argument.
pub(super) fn no_argument(argument: Option<&str>) -> Result<Option<String>, String> {
    match argument {
        None => Ok(None),
        Some(_) => Err("nothing may follow the name".to_owned()),
    }
}

/// The check of a kind whose argument is a serial number.
pub(super) fn serial(argument: Option<&str>) -> Result<Option<String>, String> {
    Ok(argument.map(str::to_owned))
}
