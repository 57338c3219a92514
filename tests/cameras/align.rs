//! Detection of rendered boards with known corner positions, and the alignment computed from them.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod session;

use crate::boards;

use boards::{Camera, EVENTS, FRAMES, Pose, apply, event_camera, frame_camera, poses, rig};
use gem_live::camera::{FramePacket, FrameTiming, Packet};
use gem_live::event::Event;
use gem_live::image::{ImageU8, Size};
use gem_live::rig::Role;
use gem_live::rig::align::{
    AlignRun, AlignSession, AlignSettings, Alignment, Board, EventTable, FlashAccumulator,
    FoundBoard, FrameCrop, Side, Target, View, Warp, solve,
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
