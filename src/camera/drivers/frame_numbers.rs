//! Converts the camera's frame numbers to frame numbers that never restart.

/// Largest frame number in GigE Vision 1, after which the count wraps to 1.
const MAX_ID: u64 = 0xffff;

/// Tracks the numbers that a camera gives its frames.
#[derive(Debug, Default)]
pub(crate) struct FrameNumbers {
    /// Whether the count has 16 bits, as far as is known.
    sixteen: bool,
    last: Option<u64>,
    next: u64,
}

/// A frame's position in the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Frame number, which never restarts.
    pub(crate) sequence: u64,
    /// Number of frames lost between the previous frame and this one.
    pub(crate) lost: u64,
}

impl FrameNumbers {
    /// `sixteen`: whether the camera's count may have 16 bits.
    pub(crate) fn new(sixteen: bool) -> Self {
        Self { sixteen, ..Self::default() }
    }

    /// For a camera whose count never wraps; the first frame gets the number `first`.
    pub(crate) fn starting_at(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Position of a frame without a number.
    pub(crate) fn next_place(&mut self) -> Place {
        let sequence = self.next;
        self.next += 1;
        Place { sequence, lost: 0 }
    }

    /// As [`FrameNumbers::place`], for a system that never sends a frame twice: one that repeats a
    /// number does not count at all.
    pub(crate) fn place_or_next(&mut self, id: u64) -> Place {
        self.place(id).unwrap_or_else(|| self.next_place())
    }

    /// Position of the frame with number `id`; `None` for a duplicate of the previous frame.
    pub(crate) fn place(&mut self, id: u64) -> Option<Place> {
        self.sixteen &= id <= MAX_ID;
        let lost = match self.last {
            None => 0,
            Some(last) if id == last => return None,
            Some(last) if id > last => id - last - 1,
            Some(last) if self.sixteen && last - id > MAX_ID / 2 => MAX_ID - last + id.max(1) - 1,
            // The camera restarted its count, so the number of lost frames is unknown.
            Some(_) => 0,
        };
        self.last = Some(id);
        let sequence = self.next + lost;
        self.next = sequence + 1;
        Some(Place { sequence, lost })
    }

    /// The camera restarts its count without losing frames.
    pub(crate) fn restart(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_in_frame_numbers_are_lost_frames() {
        let mut ids = FrameNumbers::new(true);
        let place = |sequence, lost| Some(Place { sequence, lost });
        assert_eq!(ids.place(7), place(0, 0));
        assert_eq!(ids.place(8), place(1, 0));
        assert_eq!(ids.place(8), None);
        assert_eq!(ids.place(11), place(4, 2));
        ids.restart();
        assert_eq!(ids.place(1), place(5, 0));
    }

    #[test]
    fn sixteen_bit_counts_wrap_to_one_and_wider_counts_do_not() {
        let mut ids = FrameNumbers::new(true);
        let lost = |ids: &mut FrameNumbers, id| ids.place(id).unwrap().lost;
        assert_eq!(lost(&mut ids, 65_534), 0);
        assert_eq!(lost(&mut ids, 65_535), 0);
        assert_eq!(lost(&mut ids, 1), 0);
        assert_eq!(lost(&mut ids, 65_535), 65_533);
        assert_eq!(lost(&mut ids, 4), 3);
        let mut ids = FrameNumbers::new(true);
        assert_eq!(lost(&mut ids, 65_535), 0);
        assert_eq!(lost(&mut ids, 65_537), 1);
        assert_eq!(lost(&mut ids, 3), 0, "restarted, not wrapped");
    }
}
