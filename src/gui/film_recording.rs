//! A film of what the window shows, written on a worker thread while it plays.

use super::action::Action;
use super::describe;
use super::film_clock::FilmClock;
use super::player::Player;
use super::settings::{Settings, View};
use super::wake::{Wake, WakeAtEnd};
use super::widgets::toast::{Message, ToastKind};
use crate::formats::film::{
    Film, FilmError, FilmStopper, FilmSummary, Layout, compose, without_ffmpeg,
};
use crate::image::ImageU8;
use crate::live::LiveFrame;
use crate::sequence::new_path;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pictures that wait for the disk.
const QUEUE: usize = 8;
/// Time to complete the film when the window closes, and then for the stopped encoder to end.
const END_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How soon the end of the film is noticed then.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A picture that was shown. Copied out of its frame, which may hold one of the few textures that the
/// engine restores into.
struct Shown {
    captured: Arc<LiveFrame>,
    restored: ImageU8,
    /// Position of the wipe's line, as a fraction of the width.
    line: f64,
    at: Instant,
}

/// Counters of the running film.
#[derive(Debug, Default)]
struct Counters {
    frames: AtomicU64,
    repeated: AtomicU64,
}

/// Numbers of the running film.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FilmProgress {
    /// Frames in the film.
    pub frames: u64,
    /// Those that repeat the picture before, because no other was shown in time.
    pub repeated: u64,
    /// Pictures that are missing, because the encoder or the disk was too slow.
    pub dropped: u64,
}

/// A film that was written: its path, frames and duration, and why it ended before it was stopped.
struct WrittenFilm {
    path: PathBuf,
    film: FilmSummary,
    early: Option<String>,
}

struct Running {
    /// None once the film is to end.
    queue: Option<Sender<Shown>>,
    counters: Arc<Counters>,
    dropped: u64,
    /// Revision of the player's picture that was sent last.
    sent: u64,
    stopper: FilmStopper,
    thread: JoinHandle<Result<WrittenFilm, FilmError>>,
}

/// The running film and the result of the last one.
pub(super) struct FilmRecording {
    wake: Wake,
    /// Extension of the films; `y4m` is used instead where it needs ffmpeg and there is none.
    pub extension: &'static str,
    running: Option<Running>,
    last: Option<Message>,
}

impl FilmRecording {
    pub(super) fn new(wake: Wake) -> Self {
        Self { wake, extension: ".mp4", running: None, last: None }
    }

    /// Starts a film in the present view with `rate_hz` frames per second, or ends the running one.
    ///
    /// # Errors
    /// It cannot be started; the text is for the user.
    pub(super) fn toggle(
        &mut self,
        player: &Player,
        settings: &Settings,
        rate_hz: f64,
    ) -> Result<(), String> {
        if let Some(running) = &mut self.running {
            running.queue = None;
            return Ok(());
        }
        if !player.is_restored() {
            return Err("There is no restored picture to film yet.".into());
        }
        let path = new_path(&films(settings), &settings.scene, self.extension);
        let layout = layout(settings.view);
        let (queue, pictures) = bounded(QUEUE);
        let counters = Arc::new(Counters::default());
        let (shared, wake) = (counters.clone(), self.wake.clone());
        let stopper = FilmStopper::default();
        let film_stopper = stopper.clone();
        let work = move || {
            // While paused, nothing else triggers a repaint.
            let _wake = WakeAtEnd(wake);
            write(&path, layout, rate_hz, pictures, &shared, film_stopper)
        };
        let thread = std::thread::Builder::new()
            .name("film".into())
            .spawn(work)
            .map_err(|e| format!("Cannot film: the thread did not start ({e})"))?;
        // The picture on the screen is the first one.
        let sent = player.revision().wrapping_sub(1);
        let queue = Some(queue);
        self.running = Some(Running { queue, counters, dropped: 0, sent, stopper, thread });
        self.last = None;
        Ok(())
    }

    /// Sends the picture on the screen to the film, unless it was sent. Never waits: where the film
    /// is not written fast enough, the picture is dropped and counted.
    pub(super) fn put(&mut self, player: &Player, settings: &Settings) {
        let Some(running) = &mut self.running else { return };
        let (Some(queue), Some(frame)) = (&running.queue, &player.latest) else { return };
        let Some(restored) = frame.restored.get(player.index) else { return };
        if running.sent == player.revision() {
            return;
        }
        running.sent = player.revision();
        if queue.is_full() {
            running.dropped += 1;
            return;
        }
        let (captured, restored) = (frame.captured.clone(), restored.clone());
        let shown = Shown { captured, restored, line: settings.divider.into(), at: Instant::now() };
        // A film that has ended early accepts no more pictures: `poll` returns the reason.
        let _ = queue.try_send(shown);
    }

    /// Checks whether the film has ended, and reports its result.
    pub(super) fn poll(&mut self) -> Option<Action> {
        let running = self.running.take_if(|running| running.thread.is_finished())?;
        let dropped = running.dropped;
        let message = match running.thread.join() {
            Ok(Ok(WrittenFilm { path, film, early })) => {
                describe::filmed(&path, &film, early.as_deref(), dropped)
            }
            Ok(Err(e)) => (ToastKind::Error, format!("No film: {e}")),
            Err(_) => {
                let text = "Filming failed with an internal error: please report it.";
                (ToastKind::Error, text.to_owned())
            }
        };
        let (kind, text) = self.last.insert(message).clone();
        Some(Action::Notify(kind, text))
    }

    /// Ends the film when the window closes: waits until it is written, but not for an encoder that
    /// hangs.
    ///
    /// # Errors
    /// There is no film; the text is for the user.
    pub(super) fn end(&mut self) -> Result<(), String> {
        self.end_within(END_LIMIT)
    }

    fn end_within(&mut self, limit: Duration) -> Result<(), String> {
        let Some(Running { queue, stopper, thread, .. }) = self.running.take() else {
            return Ok(());
        };
        drop(queue);
        if !has_finished(&thread, limit) {
            stopper.stop();
            if !has_finished(&thread, STOP_LIMIT) {
                return Err("No film: the disk does not answer".into());
            }
        }
        match thread.join() {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(e)) => Err(format!("No film: {e}")),
            Err(_) => Err("Filming failed with an internal error: please report it.".into()),
        }
    }

    /// The running film; none if none runs.
    pub(super) fn progress(&self) -> Option<FilmProgress> {
        let Running { counters, dropped, .. } = self.running.as_ref()?;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (frames, repeated) = (read(&counters.frames), read(&counters.repeated));
        Some(FilmProgress { frames, repeated, dropped: *dropped })
    }

    /// Whether the last pictures of the film are being written.
    pub(super) fn is_finishing(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.queue.is_none())
    }

    /// Result of the last film.
    pub(super) fn last(&self) -> Option<&Message> {
        self.last.as_ref()
    }
}

/// Whether a thread finishes within this time.
fn has_finished<T>(thread: &JoinHandle<T>, limit: Duration) -> bool {
    let start = Instant::now();
    while !thread.is_finished() {
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}

/// The folder of films, beside that of the recordings.
pub(super) fn films(settings: &Settings) -> PathBuf {
    let mut folder = settings.recordings_folder().into_os_string();
    folder.push(" films");
    folder.into()
}

/// The layout of a film that shows what this view does.
pub(super) fn layout(view: View) -> Layout {
    match view {
        View::SideBySide => Layout::Side,
        View::Wipe => Layout::Wipe,
        View::Restored | View::Blurry | View::Difference => Layout::Restored,
    }
}

/// Writes the pictures until the queue is closed, or one of them does not fit.
fn write(
    path: &Path,
    layout: Layout,
    rate_hz: f64,
    pictures: Receiver<Shown>,
    counters: &Counters,
    stopper: FilmStopper,
) -> Result<WrittenFilm, FilmError> {
    let path = without_ffmpeg(path);
    let mut film = Film::create(&path, rate_hz)?.with_stopper(stopper);
    let mut clock = FilmClock::new(rate_hz);
    let mut previous: Option<(Instant, ImageU8)> = None;
    let mut early = None;
    for Shown { captured, restored, line, at } in &pictures {
        let picture = compose(layout, &captured.picture, &restored, line);
        if let Some((before, previous)) = &previous {
            for _ in 0..clock.repeats(at.duration_since(*before)) {
                film.add(previous)?;
                counters.repeated.fetch_add(1, Ordering::Relaxed);
            }
        }
        match film.add(&picture) {
            Ok(()) => {}
            // What was filmed so far is kept.
            Err(e @ FilmError::Size { .. }) => {
                early = Some(e.to_string());
                break;
            }
            Err(e) => return Err(e),
        }
        counters.frames.store(film.frames(), Ordering::Relaxed);
        previous = Some((at, picture));
    }
    // What comes now is not dropped: the film has ended.
    drop(pictures);
    Ok(WrittenFilm { path, film: film.finish()?, early })
}

#[cfg(test)]
mod tests;
