//! Detection of rendered boards with known corner positions, and the alignment computed from them.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

use crate::boards;

use boards::{Camera, EVENTS, FRAMES, Pose, apply, event_camera, frame_camera, poses, rig};
use gem_live::camera::{FramePacket, FrameTiming, Packet};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::Role;
use gem_live::rig::align::{
    AlignRun, AlignSession, AlignSettings, Alignment, Blink, Board, EventTable, FoundBoard,
    FrameCrop, Side, Target, View, Warp, solve,
};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The true corner positions in the frame camera's image.
fn true_corners(pose: &Pose) -> Vec<(f64, f64)> {
    let (m, _) = pose.matrices(FRAMES);
    let corner = |i: usize| ((i % 9) as f64 - 4.0, (i / 9) as f64 - 2.5);
    (0..54).map(|i| apply(&m, corner(i))).collect()
}

/// Root mean square and largest distance from the true corners.
fn corner_errors(found: &FoundBoard, pose: &Pose) -> (f64, f64) {
    let errors: Vec<f64> = found
        .points
        .iter()
        .zip(true_corners(pose))
        .map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1))
        .collect();
    let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    (rms, errors.into_iter().fold(0.0, f64::max))
}

#[test]
fn corner_accuracy_is_a_tenth_of_a_pixel_and_a_quarter_in_strong_noise() {
    let board = Board::default();
    // The strongest noise is 5 levels of 256, with edges that are 4 to 6 pixels wide.
    for (blur_px, noise, rms_px, worst_px) in [
        (0.0, 0.0, 0.05, 0.1),
        (0.6, 0.01, 0.05, 0.1),
        (1.5, 0.02, 0.1, 0.25),
        (2.5, 0.02, 0.1, 0.25),
    ] {
        for (i, pose) in poses().iter().enumerate() {
            let picture = frame_camera(blur_px, noise).draw(pose, FRAMES, i as u64);
            let found = board.find(&picture).unwrap_or_else(|| panic!("blur {blur_px}, pose {i}"));
            let (rms, worst) = corner_errors(&found, pose);
            println!("blur {blur_px} noise {noise} pose {i}: rms {rms:.4}, worst {worst:.4} px");
            assert!(rms < rms_px && worst < worst_px, "blur {blur_px}, pose {i}: {rms} {worst}");
        }
    }
}

#[test]
fn boards_are_detected_in_large_and_small_images() {
    let board = Board::default();
    for (size, blur_px) in [(Size::new(2048, 1536), 2.0), (Size::new(173, 130), 0.5)] {
        let pose = Pose { width: 0.8, ..Pose::straight() };
        let camera = Camera { size, to_frame: Box::new(Some), blur_px, noise: 0.01 };
        let found = board.find(&camera.draw(&pose, size, 3)).unwrap_or_else(|| panic!("{size}"));
        let (m, _) = pose.matrices(size);
        let first = apply(&m, (-4.0, -2.5));
        let error_px = (found.points[0].0 - first.0).hypot(found.points[0].1 - first.1);
        assert!(error_px < 0.1, "{size}: {error_px}");
    }
}

#[test]
fn images_without_the_whole_board_are_rejected() {
    let board = Board::default();
    let mut rng = StdRng::seed_from_u64(1);
    let noise: Vec<u8> = (0..FRAMES.area()).map(|_| rng.random()).collect();
    assert!(board.find(&ImageU8::new(1, FRAMES, noise).unwrap()).is_none());
    assert!(board.find(&ImageU8::filled(true, FRAMES, 90)).is_none());
    assert!(board.find(&ImageU8::filled(false, Size::new(1, 1), 90)).is_none());
    // Half of the board is outside of the image.
    let pose = Pose { at: (0.9, 0.5), ..Pose::straight() };
    assert!(board.find(&frame_camera(0.5, 0.01).draw(&pose, FRAMES, 1)).is_none());
    // A board of another size.
    let picture = frame_camera(0.5, 0.01).draw(&Pose::straight(), FRAMES, 1);
    assert!(Board::new(8, 5).unwrap().find(&picture).is_none());
    assert!(Board::new(11, 8).unwrap().find(&picture).is_none());
    assert!(Board::new(8, 6).is_none() && "9x9".parse::<Board>().is_err());
}

fn found(camera: &Camera, pose: &Pose, seed: u64) -> FoundBoard {
    let picture = camera.draw(pose, FRAMES, seed);
    Board::default().find(&picture).unwrap_or_else(|| panic!("{} {}", camera.size, seed))
}

fn views(warp: Warp, count: usize) -> Vec<View> {
    let (frame, event) = (frame_camera(0.8, 0.01), event_camera(warp, 0.6, 0.015));
    let view = |(i, pose): (usize, &Pose)| View {
        frame: found(&frame, pose, i as u64),
        event: found(&event, pose, 100 + i as u64),
    };
    poses().iter().take(count).enumerate().map(view).collect()
}

/// The largest distance between two warps over the central part of the image, in pixels.
fn apart(a: &Warp, b: &Warp, share: f64) -> f64 {
    let mut worst = 0.0_f64;
    for i in 0..=20 {
        for j in 0..=20 {
            let at =
                |k: i32, side: usize| (0.5 + share * (f64::from(k) / 20.0 - 0.5)) * side as f64;
            let place = (at(i, EVENTS.width), at(j, EVENTS.height));
            let (p, q) = (a.map(place).unwrap(), b.map(place).unwrap());
            worst = worst.max((p.0 - q.0).hypot(p.1 - q.1));
        }
    }
    worst
}

#[test]
fn a_warp_is_recovered_with_and_without_mirroring() {
    for mirrored in [false, true] {
        let truth = rig(EVENTS, FRAMES, mirrored);
        let (warp, residual) = solve(&views(truth, 5), EVENTS, FRAMES).unwrap();
        println!("mirrored {mirrored}: {residual}; off by {:.3} px", apart(&warp, &truth, 0.7));
        assert!(residual.frame_px < 0.15 && residual.event_px < 0.1, "{residual}");
        assert_eq!((residual.corners + residual.outliers, residual.views), (5 * 54, 5));
        assert!(apart(&warp, &truth, 0.7) < 0.2, "{mirrored}: {}", apart(&warp, &truth, 0.7));
    }
}

#[test]
fn an_upside_down_camera_is_detected_from_several_views() {
    let upright = rig(EVENTS, FRAMES, true);
    // Mirrored from left to right and rotated by 180 degrees: mirrored from top to bottom.
    let mut truth = upright;
    for column in [0, 1, 3, 4, 6, 7] {
        truth.homography[column] = -upright.homography[column];
    }
    let (warp, residual) = solve(&views(truth, 4), EVENTS, FRAMES).unwrap();
    assert!(residual.event_px < 0.1, "{residual}");
    assert!(apart(&warp, &truth, 0.6) < 0.3, "{}", apart(&warp, &truth, 0.6));
}

#[test]
fn grids_have_an_exact_integer_ratio_and_the_ms_rbd_sizes_for_that_rig() {
    let (frames, events) = (Size::new(2048, 1536), EVENTS);
    let warp = rig(events, frames, true);
    let alignment = Alignment::new(warp, Default::default(), None).unwrap();
    assert_eq!(alignment.target, Target::MS_RBD);
    assert_eq!(alignment.target.image(), Size::new(1152, 768));
    assert_eq!(alignment.target.sensor(), Size::new(288, 192));
    // Both cameras see the whole crop.
    let crop = alignment.crop;
    assert!(crop.x >= 0.0 && crop.x + crop.width <= 2048.0 + 1e-6);
    assert!(crop.y >= 0.0 && crop.y + crop.height <= 1536.0 + 1e-6);
    assert!((crop.width / crop.height - 1.5).abs() < 1e-9);
    let table = EventTable::new(&alignment);
    let mut hit = vec![false; 288 * 192];
    let mut outside = 0;
    for y in 0..260 {
        for x in 0..346 {
            match table.cell(x, y) {
                Some((u, v)) => hit[usize::from(v) * 288 + usize::from(u)] = true,
                None => outside += 1,
            }
        }
    }
    let holes = hit.iter().filter(|h| !**h).count();
    println!("{outside} pixels outside, {holes} cells without a pixel; crop {crop:?}");
    assert!(outside > 0 && holes == 0, "{outside} outside, {holes} holes");
    // A cell is at the position of its part of the frame.
    let (u, v) = alignment.event_cell((173.0, 130.0)).unwrap();
    let (x, y) = warp.map((173.0, 130.0)).unwrap();
    assert!(((x - crop.x) / crop.width * 288.0 - u).abs() < 1e-9);
    assert!(((y - crop.y) / crop.height * 192.0 - v).abs() < 1e-9);
    // With a smaller event camera, the grid has its resolution.
    let small = Alignment::new(rig(Size::new(128, 96), FRAMES, false), Default::default(), None);
    let target = small.unwrap().target;
    assert_eq!(target.image().width, target.sensor().width * target.ratio());
    assert_eq!(target.image().height, target.sensor().height * target.ratio());
    assert_eq!(target.sensor(), Size::new(96, 64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_event_is_mapped_to_its_cell_or_counted_as_outside(
        places in prop::collection::vec((0_u16..400, 0_u16..300, any::<bool>()), 0..200),
        mirrored in any::<bool>(),
    ) {
        let warp = rig(EVENTS, FRAMES, mirrored);
        let alignment = Alignment::new(warp, Default::default(), None).unwrap();
        let table = EventTable::new(&alignment);
        let (sensor, mut expected) = (alignment.target.sensor(), Vec::new());
        let mut events: Vec<Event> = Vec::new();
        for (i, (x, y, on)) in places.iter().enumerate() {
            events.push(Event { t_us: i as i64, x: *x, y: *y, polarity: *on });
            // The model: each event, directly from the formula.
            if *x >= 346 || *y >= 260 {
                continue;
            }
            let cell = alignment.event_cell((f64::from(*x) + 0.5, f64::from(*y) + 0.5));
            if let Some((u, v)) = cell
                && (0.0..sensor.width as f64).contains(&u)
                && (0.0..sensor.height as f64).contains(&v)
            {
                expected.push(Event { t_us: i as i64, x: u as u16, y: v as u16, polarity: *on });
            }
        }
        let outside = table.apply(&mut events);
        prop_assert_eq!(outside as usize + events.len(), places.len());
        prop_assert_eq!(events, expected);
    }
}

#[test]
fn cropping_keeps_brightness_and_positions() {
    let frames = Size::new(300, 200);
    let still = Warp {
        events: Side::from(Size::new(100, 66)),
        frames: Side::from(frames),
        homography: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        event_radial: [0.0; 2],
        frame_radial: [0.0; 2],
    };
    let target = Target::new(Size::new(96, 64), 2).unwrap();
    let alignment = Alignment::new(still, Default::default(), Some(target)).unwrap();
    let crop = FrameCrop::new(&alignment);
    let flat = crop.apply(&ImageU8::filled(true, frames, 201)).unwrap();
    assert_eq!((flat.size(), flat.channels()), (Size::new(96, 64), 3));
    assert!(flat.data().iter().all(|v| *v == 201));
    // A ramp stays a ramp: every pixel has the value at the centre of its area.
    let ramp: Vec<u8> = (0..frames.area()).map(|i| (i % 300 / 2) as u8).collect();
    let ramp = crop.apply(&ImageU8::new(1, frames, ramp).unwrap()).unwrap();
    let step = alignment.crop.width / 96.0;
    for (x, v) in ramp.plane(0)[..96].iter().enumerate() {
        let place = alignment.crop.x + (x as f64 + 0.5) * step - 0.5;
        assert!((f64::from(*v) - place / 2.0).abs() < 1.0, "{x}: {v} {place}");
    }
    assert!(crop.apply(&ImageU8::filled(true, Size::new(301, 200), 0)).is_none());
}

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
    let mut blink = Blink::new(EVENTS);
    blink.push(&flashes(warp, &pose, 3));
    assert!(blink.flashes() >= 4, "{}", blink.flashes());
    let found = Board::default().find(&blink.picture()).unwrap();
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
            let frame = FramePacket { epoch: 0, sequence, timing, arrived, picture, truth: None };
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
