//! Numbers of frames that never begin anew, from those of the camera.

/// The largest number of a frame in GigE Vision 1; after it comes 1.
const LARGEST: u64 = 0xffff;

/// Follows a camera's own count.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Whether the count has sixteen bits, as far as is known.
    sixteen: bool,
    last: Option<u64>,
    next: u64,
}

/// A frame's place in the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number, which never begins anew.
    pub(super) sequence: u64,
    /// Frames between the one before and this one that never came.
    pub(super) lost: u64,
}

impl Ids {
    /// For cameras whose count may have sixteen bits, or not.
    pub(super) fn new(sixteen: bool) -> Self {
        Self { sixteen, ..Self::default() }
    }

    /// Where a frame belongs; `None` for one that came before.
    pub(super) fn place(&mut self, id: u64) -> Option<Place> {
        self.sixteen &= id <= LARGEST;
        let lost = match self.last {
            None => 0,
            Some(last) if id == last => return None,
            Some(last) if id > last => id - last - 1,
            Some(last) if self.sixteen && last - id > LARGEST / 2 => LARGEST - last + id.max(1) - 1,
            // The camera has begun to count anew; how many are missing cannot be known.
            Some(_) => 0,
        };
        self.last = Some(id);
        let sequence = self.next + lost;
        self.next = sequence + 1;
        Some(Place { sequence, lost })
    }

    /// The camera begins to count anew, and loses nothing by it.
    pub(super) fn restart(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_frames_are_those_between_two_numbers() {
        let mut ids = Ids::new(true);
        let place = |sequence, lost| Some(Place { sequence, lost });
        assert_eq!(ids.place(7), place(0, 0));
        assert_eq!(ids.place(8), place(1, 0));
        assert_eq!(ids.place(8), None);
        assert_eq!(ids.place(11), place(4, 2));
        ids.restart();
        assert_eq!(ids.place(1), place(5, 0));
    }

    #[test]
    fn sixteen_bits_turn_over_to_one_and_wider_ones_do_not() {
        let mut ids = Ids::new(true);
        let lost = |ids: &mut Ids, id| ids.place(id).unwrap().lost;
        assert_eq!(lost(&mut ids, 65_534), 0);
        assert_eq!(lost(&mut ids, 65_535), 0);
        assert_eq!(lost(&mut ids, 1), 0);
        assert_eq!(lost(&mut ids, 65_535), 65_533);
        assert_eq!(lost(&mut ids, 4), 3);
        let mut ids = Ids::new(true);
        assert_eq!(lost(&mut ids, 65_535), 0);
        assert_eq!(lost(&mut ids, 65_537), 1);
        assert_eq!(lost(&mut ids, 3), 0, "begun anew, not turned over");
    }
}
