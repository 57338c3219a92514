#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;

const EXPOSURE: TimeRange = TimeRange::new(0.0, 1000.0);

/// Events of a block of event pixels, three per pixel.
fn block(x: u16, y: u16, side: u16) -> Vec<Event> {
    let pixel = |i: u16| (x + i % side, y + i / side % side);
    let event = |i: u16| Event { t_us: 5, x: pixel(i).0, y: pixel(i).1, polarity: true };
    (0..3 * side * side).map(event).collect()
}

#[test]
fn cells_cover_whole_pixels_of_both_grids() {
    let cell = |image: (usize, usize), events: (usize, usize)| {
        Grid::new(Size::new(image.0, image.1), Size::new(events.0, events.1))
            .map(|g| (g.cell, g.event_cell))
    };
    let (same, quarter) = (Size::new(16, 16), Size::new(4, 4));
    assert_eq!(cell((1152, 768), (288, 192)), Some((same, quarter)));
    assert_eq!(cell((352, 272), (352, 272)), Some((same, same)));
    // Three image pixels per two event pixels: cells of 48.
    assert_eq!(cell((480, 384), (320, 256)), Some((Size::new(48, 48), Size::new(32, 32))));
    assert_eq!(cell((1152, 768), (346, 260)), None);
}

#[test]
fn motion_gives_disjoint_regions_with_margins() {
    let image = Size::new(1152, 768);
    let grid = Grid::new(image, Size::new(288, 192)).unwrap();
    let mut events = block(20, 20, 8);
    events.extend(block(200, 150, 8));
    let regions = grid.regions(&events, EXPOSURE, &mut Vec::new()).unwrap();
    assert_eq!(regions.len(), 2);
    let first = regions[0];
    // Event pixels 20 to 28 are image pixels 80 to 112; 48 pixels are added on every side.
    assert_eq!((first.at, first.size), ((32, 32), Size::new(128, 128)));
    assert_eq!((first.event_at, first.event_size), ((8, 8), Size::new(32, 32)));
    // At the image's edge the margin ends.
    let corner = grid.regions(&block(280, 184, 8), EXPOSURE, &mut Vec::new()).unwrap();
    assert_eq!(corner[0].at, (1152 - 80, 768 - 80));
    assert_eq!(corner[0].size, Size::new(80, 80));
}

#[test]
fn noise_and_events_of_other_exposures_are_no_motion() {
    let grid = Grid::new(Size::new(256, 256), Size::new(256, 256)).unwrap();
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 20) as u16 % 256
    };
    let mut noise = |_| Event { t_us: 5, x: random(), y: random(), polarity: true };
    let mut events: Vec<Event> = (0..300).map(&mut noise).collect();
    events.extend(block(100, 100, 16).into_iter().map(|e| Event { t_us: 2000, ..e }));
    assert_eq!(grid.regions(&events, EXPOSURE, &mut Vec::new()), Some(Vec::new()));
}

#[test]
fn motion_everywhere_is_computed_as_a_whole_and_many_spots_give_few_regions() {
    let grid = Grid::new(Size::new(512, 512), Size::new(512, 512)).unwrap();
    let spots = |step: usize| -> Vec<Event> {
        let at = |i: usize| (i * step % 512, i * step / 512 * step);
        let spot = |i| block(at(i).0 as u16, at(i).1 as u16, 4);
        (0..(512 / step) * (512 / step)).flat_map(spot).collect()
    };
    assert_eq!(grid.regions(&spots(64), EXPOSURE, &mut Vec::new()), None);
    let mut few: Vec<Event> = Vec::new();
    for i in 0..6 {
        few.extend(block(i * 20, 490, 4));
        few.extend(block(470, i * 40, 4));
    }
    let regions = grid.regions(&few, EXPOSURE, &mut Vec::new()).unwrap();
    assert!((1..=MAX_REGIONS).contains(&regions.len()), "{regions:?}");
}
