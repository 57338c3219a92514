//! Where the events of a recording lie on its sensor. On another grid, the events that lie within the
//! sensor by chance give pictures that look plausible and are wrong.

use super::error::ImportError;
use crate::event::Event;
use crate::image::Size;
use std::path::Path;

/// A sensor, and where events lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Places {
    sensor: Size,
    /// Where the sensor's size is from.
    origin: &'static str,
    /// The smallest sensor that has all of the events.
    used: Size,
    events: usize,
    /// Number of events beyond the sensor.
    beyond: usize,
    /// Number of events beyond the sensor on its side.
    beyond_exchanged: usize,
}

/// The origin of a sensor size that neither the file nor an option states.
const AS_PICTURES: &str = "as large as the pictures";

impl Places {
    /// For the sensor that the user states, that the file states, or that is as large as the pictures.
    pub(super) fn on(stated: Option<Size>, in_file: Option<Size>, picture: Size) -> Self {
        let (sensor, origin) = match (stated, in_file) {
            (Some(sensor), _) => (sensor, "as stated"),
            (None, Some(sensor)) => (sensor, "from the file"),
            (None, None) => (picture, AS_PICTURES),
        };
        let used = Size::new(0, 0);
        Self { sensor, origin, used, events: 0, beyond: 0, beyond_exchanged: 0 }
    }

    pub(super) fn sensor(&self) -> Size {
        self.sensor
    }

    /// Whether there were events.
    pub(super) fn is_empty(&self) -> bool {
        self.events == 0
    }

    pub(super) fn add(&mut self, events: &[Event]) {
        for event in events {
            let [x, y] = [event.x, event.y].map(usize::from);
            self.used = Size::new(self.used.width.max(x + 1), self.used.height.max(y + 1));
            self.events += 1;
            let Size { width, height } = self.sensor;
            self.beyond += usize::from(x >= width || y >= height);
            self.beyond_exchanged += usize::from(x >= height || y >= width);
        }
    }

    /// Refuses events that lie on another grid: of which most lie beyond the sensor, or many while
    /// all but a few damaged ones lie within the sensor on its side. `exchange` says how x and y are
    /// exchanged.
    ///
    /// # Errors
    /// A line with both sizes, the likely cause and the fix.
    pub(super) fn check(&self, path: &Path, exchange: &str) -> Result<(), ImportError> {
        let Self { sensor, origin, used, events, beyond, beyond_exchanged } = *self;
        if 10 * beyond > events && 100 * beyond_exchanged <= events {
            let what = format!(
                "{beyond} of {events} events lie beyond a sensor of {sensor} pixels ({origin}): they \
                 reach {used}; x and y are exchanged: {exchange}, or give the sensor's size with \
                 --sensor WIDTHxHEIGHT"
            );
            return Err(ImportError::content(path, what));
        }
        if 2 * beyond > events {
            let what = format!(
                "most events lie beyond a sensor of {sensor} pixels ({origin}): they reach {used}; \
                 give its size with --sensor WIDTHxHEIGHT"
            );
            return Err(ImportError::content(path, what));
        }
        Ok(())
    }

    /// What the sensor and the events are, in one line.
    pub(super) fn remark(&self) -> String {
        let Self { sensor, origin, used, .. } = *self;
        let mut remark = format!("event sensor of {sensor} pixels, {origin}; events reach {used}");
        let part = 2 * used.width <= sensor.width && 2 * used.height <= sensor.height;
        if origin == AS_PICTURES && part {
            remark += ": if it is smaller, give its size with --sensor";
        }
        remark
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    /// The refusal of events at every place of a grid.
    fn refusal(sensor: Size, grid: Size) -> Option<String> {
        let mut places = Places::on(Some(sensor), None, Size::new(1, 1));
        let at = |i: usize| ((i % grid.width) as u16, (i / grid.width) as u16);
        let event = |(x, y)| Event { t_us: 0, x, y, polarity: true };
        places.add(&(0..grid.area()).map(|i| event(at(i))).collect::<Vec<_>>());
        assert!(places.remark().contains(&format!("{sensor} pixels, as stated")));
        let path = Path::new("a.bag");
        places.check(path, "exchange the columns").map_err(|e| e.to_string()).err()
    }

    #[test]
    fn exchanged_coordinates_and_other_grids_are_refused() {
        let sensor = Size::new(48, 32);
        assert_eq!(refusal(sensor, sensor), None);
        // A third of the events.
        let why = refusal(sensor, Size::new(32, 48)).unwrap();
        assert!(why.contains("512 of 1536 events") && why.contains("reach 32x48"), "{why}");
        assert!(why.contains("x and y are exchanged: exchange the columns"), "{why}");
        // A damaged event does not hide it.
        let mut places = Places::on(Some(sensor), None, sensor);
        let event = |x, y| Event { t_us: 0, x, y, polarity: true };
        places.add(&(0..1536).map(|i| event(i % 32, i / 32)).collect::<Vec<_>>());
        places.add(&[event(60_000, 60_000)]);
        let why = places.check(Path::new("a.bag"), "exchange them").unwrap_err().to_string();
        assert!(why.contains("x and y are exchanged"), "{why}");
        // A few beyond both sides, as an alignment makes them.
        assert_eq!(refusal(sensor, Size::new(52, 36)), None);
        let why = refusal(Size::new(24, 16), sensor).unwrap();
        assert!(why.contains("most events lie beyond a sensor of 24x16"), "{why}");
        assert!(why.contains("reach 48x32") && why.contains("--sensor"), "{why}");
    }

    #[test]
    fn a_sensor_that_nobody_states_is_as_large_as_the_pictures() {
        let mut places = Places::on(None, None, Size::new(96, 64));
        assert!(places.is_empty());
        places.add(&[Event { t_us: 0, x: 47, y: 31, polarity: true }]);
        let remark = places.remark();
        assert!(remark.contains("events reach 48x32: if it is smaller, give"), "{remark}");
        let in_file = Places::on(None, Some(Size::new(48, 32)), Size::new(96, 64));
        assert_eq!(in_file.sensor(), Size::new(48, 32));
    }
}
