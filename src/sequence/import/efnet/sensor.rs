//! The size of the event sensor, and where events lie on it.

use crate::event::Event;
use crate::image::Size;
use crate::sequence::import::hdf5::File;
use crate::sequence::import::places::Places;

/// Number of parts of a file whose events are looked at, and number of events in each.
const BLOCKS: usize = 16;
const BLOCK: usize = 1 << 12;

/// The positions of events from all parts of a file. Those of its start alone may be of one hot pixel.
pub(super) fn blocks(count: usize) -> impl Iterator<Item = (usize, usize)> {
    let starts = (0..count).step_by((count / BLOCKS).max(BLOCK));
    starts.map(move |from| (from, count.min(from.saturating_add(BLOCK))))
}

/// Adds the places of some of the events, from all parts of the file. Damaged ones are reported where
/// they are read.
pub(super) fn seen(mut places: Places, file: &File, [x, y, ..]: [&str; 4], count: usize) -> Places {
    for (from, until) in blocks(count) {
        let [x, y] = [x, y].map(|name| file.slice(&format!("events/{name}"), from, until));
        let pixel = |v: &f64| (0.0..65535.0).contains(&v.round()).then_some(v.round() as u16);
        let (Ok(x), Ok(y)) = (x, y) else { continue };
        let at = x.iter().zip(&y).filter_map(|(x, y)| Some((pixel(x)?, pixel(y)?)));
        let event = |(x, y)| Event { t_us: 0, x, y, polarity: true };
        places.add(&at.map(event).collect::<Vec<_>>());
    }
    places
}

/// The attribute `sensor_resolution`, in the order of its sides that fits the pictures.
pub(super) fn sensor(file: &File, picture: Size) -> Option<Size> {
    let sides = file.file_attribute("sensor_resolution")?;
    let (a, b) = (*sides.first()? as usize, *sides.get(1)? as usize);
    let (long, short) = (a.max(b), a.min(b));
    (short > 0).then_some(())?;
    Some(match picture.width >= picture.height {
        true => Size::new(long, short),
        false => Size::new(short, long),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_all_parts_of_a_file_are_looked_at() {
        assert_eq!(blocks(0).count(), 0);
        assert_eq!(blocks(5000).collect::<Vec<_>>(), [(0, 4096), (4096, 5000)]);
        let many: Vec<(usize, usize)> = blocks(1_600_000).collect();
        assert_eq!((many.len(), many.first()), (16, Some(&(0, 4096))));
        assert_eq!(many.last(), Some(&(1_500_000, 1_504_096)));
    }
}
