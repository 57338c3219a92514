#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::exposure::Exposure;
use crate::image::Size;
use crate::live::RestoredFrame;
use crate::time::TimeRange;

/// A restored frame of 8x4 pixels.
fn restored() -> Arc<RestoredFrame> {
    let picture = ImageU8::filled(true, Size::new(8, 4), 40);
    let exposure = Exposure {
        frame: picture.clone().into(),
        span: TimeRange::new(0.0, 10_000.0),
        events: Vec::new().into(),
        sensor: Size::new(4, 2),
    };
    let captured = Arc::new(LiveFrame::new(0, exposure));
    Arc::new(RestoredFrame::new(captured, vec![0.5], vec![picture]))
}

/// A film whose thread does this.
fn running(
    queue: Sender<Shown>,
    stopper: FilmStopper,
    work: impl FnOnce() -> Result<WrittenFilm, FilmError> + Send + 'static,
) -> Running {
    Running {
        queue: Some(queue),
        counters: Arc::new(Counters::default()),
        dropped: 0,
        sent: 0,
        stopper,
        thread: std::thread::spawn(work),
    }
}

#[test]
fn closing_the_window_does_not_wait_for_an_encoder_that_hangs() {
    let mut film = FilmRecording::new(Arc::new(|| ()));
    assert_eq!(film.end(), Ok(()));
    let (queue, _waiting) = bounded(QUEUE);
    let stopper = FilmStopper::default();
    let shared = stopper.clone();
    film.running = Some(running(queue, stopper, move || {
        while !shared.is_stopped() {
            std::thread::sleep(POLL_INTERVAL);
        }
        Err(FilmError::Stopped("film.mp4".into()))
    }));
    let why = film.end_within(Duration::ZERO).unwrap_err();
    assert!(why.contains("film.mp4: no film: it could not be completed in time"), "{why}");
    assert!(film.progress().is_none());
}

#[test]
fn a_film_holds_no_frames_and_counts_what_does_not_fit() {
    let mut film = FilmRecording::new(Arc::new(|| ()));
    // The thread takes no picture: all of them wait.
    let (queue, waiting) = bounded(QUEUE);
    film.running = Some(running(queue, FilmStopper::default(), || Err(FilmError::Rate(0.0))));
    let (mut player, settings) = (Player::new(), Settings::default());
    let frame = restored();
    player.latest = Some(frame.clone());
    for _ in 0..QUEUE + 3 {
        // As if it were another picture.
        film.running.as_mut().unwrap().sent = player.revision().wrapping_sub(1);
        film.put(&player, &settings);
        film.put(&player, &settings);
    }
    assert_eq!((waiting.len(), film.progress().unwrap().dropped), (QUEUE, 3));
    // A frame can hold a texture of the graphics engine, which has fewer of them than wait here.
    player.latest = None;
    assert_eq!(Arc::strong_count(&frame), 1);
}
