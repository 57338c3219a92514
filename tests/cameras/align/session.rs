//! Flashing boards, and the session that collects views.

use super::*;

/// Events of a board that appears and disappears: white squares get brighter, then darker.
fn flashes(warp: Warp, pose: &Pose, count: i64) -> Vec<Event> {
    let white = event_camera(warp, 0.5, 0.0).draw(pose, FRAMES, 1);
    let mut rng = StdRng::seed_from_u64(9);
    let mut events = Vec::new();
    for flash in 0..2 * count {
        let from_us = flash * 100_000;
        for (i, v) in white.data().iter().enumerate() {
            let (x, y) = ((i % EVENTS.width) as u16, (i / EVENTS.width) as u16);
            // Number of thresholds that the log intensity rises by from a dark screen.
            let rise = (f64::from(*v) / 25.0 + 1.0).ln() / 0.3;
            for _ in 0..(rise + rng.random_range(-0.4..0.4)).max(0.0) as usize {
                let t_us = from_us + rng.random_range(0..6_000);
                events.push(Event { t_us, x, y, polarity: flash % 2 == 0 });
            }
        }
        for _ in 0..500 {
            let (x, y) = (rng.random_range(0..346), rng.random_range(0..260));
            let (t_us, on) = (from_us + rng.random_range(0..100_000), rng.random());
            events.push(Event { t_us, x, y, polarity: on });
        }
    }
    events.sort_by_key(|e| e.t_us);
    events
}

#[test]
fn a_flashing_board_is_reconstructed_with_the_right_polarity() {
    let (warp, pose) = (rig(EVENTS, FRAMES, true), Pose::straight());
    let mut flashing = FlashAccumulator::new(EVENTS);
    flashing.push(&flashes(warp, &pose, 3));
    assert!(flashing.flashes() >= 4, "{}", flashing.flashes());
    let found = Board::default().find(&flashing.picture()).unwrap();
    let by_aps = Board::default().find(&event_camera(warp, 0.5, 0.0).draw(&pose, FRAMES, 1));
    let by_aps = by_aps.unwrap();
    assert_eq!(found.bright, by_aps.bright);
    for (a, b) in found.points.iter().zip(&by_aps.points) {
        assert!((a.0 - b.0).hypot(a.1 - b.1) < 0.5, "{a:?} {b:?}");
    }
}

#[test]
fn a_view_uses_one_board_position_although_one_camera_is_delayed() {
    let truth = rig(EVENTS, FRAMES, true);
    let (frame, event) = (frame_camera(0.8, 0.01), event_camera(truth, 0.6, 0.015));
    let mut session = AlignSession::new(AlignSettings { views: 2, ..AlignSettings::default() });
    let poses = poses();
    for seed in 0..3 {
        session.push_frame(&frame.draw(&poses[0], FRAMES, seed));
        session.push_aps(&event.draw(&poses[0], FRAMES, 50 + seed));
    }
    assert_eq!(session.progress().views, 1);
    // The board has moved, and the event camera's last image is from before.
    for seed in 3..6 {
        session.push_frame(&frame.draw(&poses[1], FRAMES, seed));
    }
    assert_eq!(session.progress().views, 1, "two places are not one view");
    for seed in 6..8 {
        session.push_aps(&event.draw(&poses[1], FRAMES, 50 + seed));
    }
    session.push_frame(&frame.draw(&poses[1], FRAMES, 8));
    let progress = session.progress();
    assert_eq!(progress.views, 2);
    assert!(progress.residual.unwrap().event_px < 0.1, "{progress:?}");
}

#[test]
fn a_session_collects_views_at_rest_only_and_stores_the_alignment() {
    use gem_live::rig::align::store::{Pair, load};
    let truth = rig(EVENTS, FRAMES, true);
    let (frame, event) = (frame_camera(0.8, 0.01), event_camera(truth, 0.6, 0.015));
    let settings = AlignSettings { views: 4, ..AlignSettings::default() };
    let mut session = AlignSession::new(settings);
    assert_eq!(session.progress().hint, "show the whole board to both cameras");
    let poses = poses();
    // A board that moves from image to image is detected, but no view is added.
    for i in 0..3 {
        let pose = Pose { at: (0.45 + 0.02 * f64::from(i), 0.5), ..poses[0] };
        session.push_frame(&frame.draw(&pose, FRAMES, 1));
        session.push_aps(&event.draw(&pose, FRAMES, 2));
    }
    assert_eq!(session.progress().views, 0);
    assert_eq!(session.progress().hint, "hold the board still");
    for (i, pose) in poses.iter().take(4).enumerate() {
        for seed in 0..3 {
            session.push_frame(&frame.draw(pose, FRAMES, seed));
            session.push_aps(&event.draw(pose, FRAMES, 50 + seed));
        }
        // A board at rest for a long time is still one view.
        assert_eq!(session.progress().views, i + 1);
    }
    let progress = session.progress();
    assert!(progress.residual.unwrap().event_px < 0.1, "{progress:?}");
    let alignment = session.alignment().unwrap().clone();
    assert!(apart(&alignment.warp, &truth, 0.6) < 0.3);
    let picture = session.overlay().unwrap();
    assert_eq!(picture.size(), alignment.target.image());
    // The alignment is stored for this pair of cameras only.
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair { frames: "FLIR 1/2".into(), events: "00000123".into() };
    let path = session.save(folder.path(), &pair).unwrap().unwrap();
    let read = load(folder.path(), &pair).unwrap().unwrap();
    assert_eq!((read.target, read.residual.corners), (alignment.target, 4 * 54));
    assert!(apart(&read.warp, &alignment.warp, 1.0) < 1e-9);
    let other = Pair { frames: "FLIR 1_2".into(), ..pair.clone() };
    assert_eq!(other.file_name(), pair.file_name());
    assert_eq!(load(folder.path(), &other).unwrap(), None);
    let other_event_camera = Pair { events: "7".into(), ..pair.clone() };
    assert_eq!(load(folder.path(), &other_event_camera).unwrap(), None);
    // A file of a later version can be read. The error for a damaged file names the file.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen('{', "{\"later\": [1, 2],", 1)).unwrap();
    assert_eq!(load(folder.path(), &pair).unwrap(), Some(read));
    std::fs::write(&path, &text[..text.len() / 2]).unwrap();
    let broken = load(folder.path(), &pair).unwrap_err().to_string();
    assert!(broken.contains(path.to_str().unwrap()) && broken.contains("delete it"), "{broken}");
    std::fs::write(&path, text.replace("\"ratio\": ", "\"ratio\": 7")).unwrap();
    assert!(load(folder.path(), &pair).is_err());
}

#[test]
fn a_slow_search_uses_only_the_newest_images() {
    let pose = Pose::straight();
    let cameras = [frame_camera(0.8, 0.01), event_camera(rig(EVENTS, FRAMES, false), 0.6, 0.015)];
    let (send, packets) = crossbeam_channel::unbounded();
    let show = |sequence: u64, board: bool| {
        for (camera, role) in cameras.iter().zip([Role::Frames, Role::Events]) {
            let picture = match board {
                true => camera.draw(&pose, FRAMES, sequence),
                false => ImageU8::filled(false, camera.size, 90),
            };
            let timing = FrameTiming::Arrival { exposure_us: 1000 };
            let arrived = gem_live::time::Timestamp::now();
            let (epoch, truth, contrast) = (0, None, None);
            let frame = FramePacket { epoch, sequence, timing, arrived, picture, truth, contrast };
            send.send((role, Packet::Frame(frame))).unwrap();
        }
    };
    // A board was at rest, and has disappeared before the search starts.
    (0..3).for_each(|sequence| show(sequence, true));
    show(3, false);
    let run = AlignRun::start(AlignSettings::default(), false, packets).unwrap();
    let started = std::time::Instant::now();
    while run.pictures().iter().any(Option::is_none) {
        assert!(started.elapsed().as_secs() < 60, "no image was processed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let progress = run.progress();
    assert_eq!((progress.in_frame, progress.in_events, progress.views), (false, false, 0));
}
