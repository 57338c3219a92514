//! The running recording: it starts and ends on worker threads.

use super::action::Action;
use super::describe::{self, Obstacle};
use super::player::Player;
use super::session::Session;
use super::settings::Settings;
use super::source_kinds::short_name;
use super::wake::{Wake, in_background};
use super::widgets::toast::ToastKind;
use crate::live::RigHandle;
use crate::sequence::recorder::RecordSettings;
use crate::sequence::{Progress, SessionInfo, new_sequence};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};

/// A recording that was started.
struct ActiveRecording {
    folder: PathBuf,
    /// Its length in frames, if it is limited.
    frames: Option<u64>,
}

/// The running recording and the last one.
pub(super) struct Recording {
    wake: Wake,
    current: Option<ActiveRecording>,
    /// Result of the thread that creates the folder and the first manifest.
    starting: Option<Receiver<Result<(), String>>>,
    /// Result of the thread that writes the queued frames.
    finishing: Option<Receiver<Option<Progress>>>,
    /// Folder and result of the last recording.
    last: Option<(PathBuf, Progress)>,
}

impl Recording {
    pub(super) fn new(wake: Wake) -> Self {
        Self { wake, current: None, starting: None, finishing: None, last: None }
    }

    /// Why no recording can be started now; none if one can.
    pub(super) fn obstacle(session: &Session, player: &Player) -> Option<String> {
        let obstacle = if session.opening() {
            Obstacle::Opening
        } else if !session.rig_handle.can_record() {
            Obstacle::NoCamera
        } else if player.latest.is_none() {
            Obstacle::NoPicture
        } else {
            return None;
        };
        Some(describe::obstacle(obstacle, &short_name(&session.name)))
    }

    /// Starts a recording, or stops the running one.
    ///
    /// # Errors
    /// It cannot be started or stopped; the text is for the user.
    pub(super) fn toggle(
        &mut self,
        session: &Session,
        player: &Player,
        settings: &Settings,
        notes: &str,
    ) -> Result<(), String> {
        if self.starting.is_some() || self.finishing.is_some() {
            return Ok(());
        }
        if self.is_running(&session.rig_handle) {
            return self.finish(&session.rig_handle);
        }
        match Self::obstacle(session, player) {
            Some(why) => Err(why),
            None => self.start(&session.rig_handle, settings, notes),
        }
    }

    fn start(&mut self, rig: &RigHandle, settings: &Settings, notes: &str) -> Result<(), String> {
        let folder = new_sequence(&settings.recordings_folder(), &settings.scene);
        let info = SessionInfo {
            scene: settings.scene.clone(),
            indoor: settings.indoor,
            notes: notes.to_owned(),
            ..SessionInfo::default()
        };
        let frames = (!settings.open_ended).then_some(settings.frames);
        let record_settings = RecordSettings { frames, ..RecordSettings::default() };
        // On a worker thread: a slow disk must not block the window.
        let (rig, to) = (rig.clone(), folder.clone());
        let work = move || rig.record(&to, info, record_settings).map_err(|e| e.to_string());
        let starting = in_background("recording starts", &self.wake, work)
            .map_err(|e| format!("Cannot record: the thread did not start ({e})"))?;
        self.starting = Some(starting);
        self.current = Some(ActiveRecording { folder, frames });
        Ok(())
    }

    /// Stops the recording on a worker thread, which writes the queued frames: a slow disk must
    /// not block the window.
    fn finish(&mut self, rig: &RigHandle) -> Result<(), String> {
        let rig = rig.clone();
        let finishing = in_background("recording ends", &self.wake, move || rig.stop())
            .map_err(|e| format!("Cannot stop recording: the thread did not start ({e})"))?;
        self.finishing = Some(finishing);
        Ok(())
    }

    /// Checks whether the recording has started or ended, and reports failures and the result.
    pub(super) fn poll(&mut self, rig: &RigHandle) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Err(why) = self.poll_start() {
            actions.push(Action::Notify(ToastKind::Error, why));
        }
        let over = rig.progress().is_some_and(|p| p.ending.is_some());
        if self.current.is_some()
            && over
            && self.finishing.is_none()
            && let Err(why) = self.finish(rig)
        {
            actions.push(Action::Notify(ToastKind::Error, why));
        }
        let Some(finishing) = &self.finishing else { return actions };
        let progress = match finishing.try_recv() {
            Err(TryRecvError::Empty) => return actions,
            Ok(progress) => progress.unwrap_or_default(),
            Err(TryRecvError::Disconnected) => Progress::default(),
        };
        self.finishing = None;
        if let Some(ActiveRecording { folder, .. }) = self.current.take() {
            let (kind, text) = describe::recording(&progress, &folder);
            self.last = Some((folder, progress));
            actions.extend([Action::Notify(kind, text), Action::RefreshRecordings]);
        }
        actions
    }

    fn poll_start(&mut self) -> Result<(), String> {
        let Some(starting) = &self.starting else { return Ok(()) };
        let started = match starting.try_recv() {
            Err(TryRecvError::Empty) => return Ok(()),
            Ok(started) => started,
            Err(TryRecvError::Disconnected) => Err("Cannot record: internal error".into()),
        };
        self.starting = None;
        if started.is_err() {
            self.current = None;
        }
        started
    }

    /// Ends the recording when the window closes; waits until everything is written.
    pub(super) fn end(&mut self, rig: &RigHandle) {
        if let Some(starting) = self.starting.take() {
            // It must have started before it can be stopped.
            let _ = starting.recv();
        }
        rig.stop();
    }

    /// Whether a recording is starting, running or being finished.
    pub(super) fn is_active(&self) -> bool {
        self.current.is_some()
    }

    /// Whether a recording is starting or running.
    pub(super) fn is_running(&self, rig: &RigHandle) -> bool {
        self.starting.is_some()
            || self.current.is_some() && rig.progress().is_some_and(|p| p.ending.is_none())
    }

    /// Whether queued frames are being written.
    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.is_some()
    }

    /// Length of the running recording in frames, if it is limited.
    pub(super) fn frame_limit(&self) -> Option<u64> {
        self.current.as_ref()?.frames
    }

    /// Frames recorded so far, with the total if it is limited.
    pub(super) fn frames(&self, rig: &RigHandle) -> String {
        let so_far = rig.progress().map_or(0, |p| p.exposures);
        match self.frame_limit() {
            Some(wanted) => format!("{so_far}/{wanted}"),
            None => so_far.to_string(),
        }
    }

    /// Whether the running recording writes to this folder.
    pub(super) fn writes_to(&self, folder: &Path) -> bool {
        self.current.as_ref().is_some_and(|current| current.folder == folder)
    }

    /// Folder and result of the last recording.
    pub(super) fn last(&self) -> Option<&(PathBuf, Progress)> {
        self.last.as_ref()
    }
}
