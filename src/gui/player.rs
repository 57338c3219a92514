//! What is shown of the stream: the latest restored frame, pause, steps and slow motion.

use super::session::Session;
use super::settings::Settings;
use crate::deblur::{MIN_REBLUR_INSTANTS, even_instants};
use crate::event::Thresholds;
use crate::live::{Control, RestorePolicy, RestoreRequest, RestoredFrame};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Display time of one instant in slow motion.
const SLOW_STEP: Duration = Duration::from_millis(90);

/// The frame that is shown, and what the engine is asked for next. Panels read it; only actions
/// change it.
pub(super) struct Player {
    /// Shared with the threads that save it.
    pub latest: Option<Arc<RestoredFrame>>,
    /// Index of the instant of `latest` that is shown.
    pub index: usize,
    index_since: Instant,
    /// Incremented with every picture that is shown.
    revision: u64,
    /// Restored instant, as a fraction of the exposure.
    pub instant: f64,
    pub paused: bool,
    /// Paused, and waiting for one more exposure.
    stepping: bool,
    pub slow_motion: bool,
    /// Number of exposures that slow motion and steps have requested.
    request_id: u64,
    /// Last request that was sent to the engine; none after another source was opened.
    sent_request: Option<RestoreRequest>,
    /// Contrast thresholds that are given on the command line, for every source, until others are
    /// set in the window.
    pub given_thresholds: Option<Thresholds>,
    /// Something needs every picture in memory, such as a film that is being recorded.
    pub read_back: bool,
}

impl Player {
    /// A player that restores the middle of each exposure.
    pub(super) fn new() -> Self {
        Self {
            latest: None,
            index: 0,
            index_since: Instant::now(),
            revision: 0,
            instant: 0.5,
            paused: false,
            stepping: false,
            slow_motion: false,
            request_id: 0,
            sent_request: None,
            given_thresholds: None,
            read_back: false,
        }
    }

    /// Receives the newest restored frame, and advances slow motion. Returns after which time it
    /// must be called again, if it must.
    pub(super) fn update(&mut self, session: &mut Session) -> Option<Duration> {
        let count = self.latest.as_ref().map_or(0, |frame| frame.restored.len());
        if self.slow_motion && count > 1 {
            let elapsed = self.index_since.elapsed();
            if elapsed < SLOW_STEP {
                return Some(SLOW_STEP - elapsed);
            }
            if self.index + 1 < count {
                self.show_index(self.index + 1);
                return Some(SLOW_STEP);
            }
            // The last instant stays until the next exposure arrives; while paused, slow motion
            // repeats.
            if self.paused {
                self.show_index(0);
            }
        }
        if let Some(frame) = session.take_frame() {
            self.stepping &= frame.repeated;
            self.latest = Some(Arc::new(frame));
            self.show_index(0);
            if self.slow_motion {
                self.request_id += 1;
            }
        }
        self.slow_motion.then_some(SLOW_STEP)
    }

    fn show_index(&mut self, index: usize) {
        (self.index, self.index_since) = (index, Instant::now());
        self.revision += 1;
    }

    /// Sends the restore request to the engine, when it has changed.
    pub(super) fn send_request(&mut self, session: &mut Session, settings: &Settings) {
        // A paused replay only delivers frames for steps and seeks. The last of them is to be
        // shown, also when several are in flight.
        let replay_paused = session.transport().is_some_and(|t| t.paused);
        let policy = match (self.paused, self.slow_motion) {
            (true, _) if replay_paused => RestorePolicy::Follow,
            (true, _) if self.stepping => RestorePolicy::One(self.request_id),
            (true, _) => RestorePolicy::Hold,
            (false, true) => RestorePolicy::One(self.request_id + 1),
            (false, false) => RestorePolicy::Newest,
        };
        let instants =
            if self.slow_motion { slow_motion_instants(settings) } else { vec![self.instant] };
        // The thresholds also apply to recordings and to the next source.
        let contrast = session.rig_handle.contrast();
        contrast.set(self.given_thresholds);
        let request = RestoreRequest {
            instants,
            policy,
            edi: settings.edi,
            thresholds: contrast.is_set(),
            reblur: settings.reblur,
            read_back: self.read_back,
        };
        if self.sent_request.as_ref() != Some(&request) && session.request(request.clone()) {
            self.sent_request = Some(request);
        }
    }

    /// Sends the request again: another pipeline has started.
    pub(super) fn forget_request(&mut self) {
        self.sent_request = None;
    }

    /// Starts again with another source; the instant is kept.
    pub(super) fn reset(&mut self) {
        (self.paused, self.stepping, self.slow_motion) = (false, false, false);
        (self.latest, self.sent_request) = (None, None);
    }

    /// Pauses or resumes. A replay pauses with the picture; a live camera ignores this.
    pub(super) fn toggle_pause(&mut self, session: &mut Session) {
        self.paused = !self.paused;
        self.stepping = false;
        session.control(Control::Pause(self.paused));
    }

    /// Moves by this number of exposures; only while paused.
    pub(super) fn step(&mut self, count: i32, session: &mut Session) {
        if self.paused {
            self.request_one();
            session.control(Control::Step(count));
        }
    }

    /// Seeks to a fraction of the recording; while paused, the picture there is shown.
    pub(super) fn seek(&mut self, position: f64, session: &mut Session) {
        session.control(Control::Seek(position.clamp(0.0, 1.0)));
        if self.paused {
            self.request_one();
        }
    }

    fn request_one(&mut self) {
        self.request_id += 1;
        self.stepping = true;
    }

    /// Sets the restored instant, as a fraction of the exposure.
    pub(super) fn set_instant(&mut self, instant: f64) {
        self.instant = instant.clamp(0.0, 1.0);
    }

    /// Pictures per second in slow motion.
    pub(super) fn slow_rate_hz() -> f64 {
        SLOW_STEP.as_secs_f64().recip()
    }

    /// Changes whenever another picture is shown.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether the engine has restored the shown frame.
    pub(super) fn is_restored(&self) -> bool {
        self.latest.as_ref().is_some_and(|frame| frame.is_restored())
    }

    /// Whether there is a picture, restored or not: without an engine none ever is.
    pub(super) fn has_picture(&self) -> bool {
        self.latest.is_some()
    }

    /// The restored instant; in slow motion the one that is shown.
    pub(super) fn shown_instant(&self) -> f64 {
        let shown = self.latest.as_ref().and_then(|frame| frame.instants.get(self.index));
        shown.copied().filter(|_| self.slow_motion).unwrap_or(self.instant)
    }
}

/// The instants of slow motion: the centres of equal parts of the exposure where their mean is to be
/// compared with the frame, otherwise both ends and what lies between.
fn slow_motion_instants(settings: &Settings) -> Vec<f64> {
    match u16::try_from(settings.slow_instants) {
        Ok(count) if settings.reblur && count >= MIN_REBLUR_INSTANTS => even_instants(count),
        _ => {
            let last = settings.slow_instants.max(2) - 1;
            (0..=last).map(|i| i as f64 / last as f64).collect()
        }
    }
}
