//! Finds a camera again that was unplugged, among others of the same name: nothing but its name is
//! the same afterwards.

use super::webcam::Listed;
use crate::panics::Locked;
use std::sync::Mutex;

/// The camera that was opened last.
struct Opened {
    name: String,
    index: u32,
    /// Cameras of the same name that have been there ever since, so that none of them is this one.
    others: Vec<u32>,
}

/// Remembers the camera that was opened last.
#[derive(Default)]
pub(super) struct LastOpened(Mutex<Option<Opened>>);

impl LastOpened {
    /// The listed cameras that `wanted` may mean, an index or a name, the likeliest one first.
    pub(super) fn candidates(&self, listed: &[Listed], wanted: Option<&str>) -> Vec<Listed> {
        let number: Option<u32> = wanted.and_then(|text| text.parse().ok());
        let fits = |l: &&Listed| match (wanted, number) {
            (None, _) => true,
            (_, Some(number)) => l.index == number,
            (Some(name), _) => l.name == name,
        };
        let mut candidates: Vec<Listed> = listed.iter().filter(fits).cloned().collect();
        let mut opened = self.0.locked();
        if let Some(opened) = opened.as_mut().filter(|o| wanted == Some(o.name.as_str())) {
            opened.others.retain(|other| listed.iter().any(|l| l.index == *other));
            candidates.retain(|l| !opened.others.contains(&l.index));
            candidates.sort_by_key(|l| l.index != opened.index);
        }
        candidates
    }

    /// Takes note of the camera that was opened, one of those that were listed.
    pub(super) fn remember(&self, camera: &Listed, listed: &[Listed]) {
        let others = listed.iter().filter(|l| l.name == camera.name && l.index != camera.index);
        let others = others.map(|l| l.index).collect();
        let (name, index) = (camera.name.clone(), camera.index);
        *self.0.locked() = Some(Opened { name, index, others });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    const NAME: &str = "Camera";

    fn listed(indices: &[u32]) -> Vec<Listed> {
        let one = |index: &u32| Listed { index: *index, name: NAME.into(), problem: None };
        let other = Listed { index: 40, name: "Another".into(), problem: None };
        indices.iter().map(one).chain([other]).collect()
    }

    #[test]
    fn a_twin_is_not_taken_for_the_camera_that_was_unplugged() {
        let last = LastOpened::default();
        let found = |indices: &[u32], wanted: Option<&str>| -> Vec<u32> {
            last.candidates(&listed(indices), wanted).iter().map(|l| l.index).collect()
        };
        assert_eq!(found(&[0, 2], None), [0, 2, 40]);
        assert_eq!(found(&[0, 2], Some("2")), [2]);
        assert_eq!(found(&[0, 2], Some(NAME)), [0, 2]);
        let both = listed(&[0, 2]);
        last.remember(both.get(1).unwrap(), &both);
        // Unplugged: its twin stays there.
        assert!(found(&[0], Some(NAME)).is_empty());
        assert_eq!(found(&[0, 2], Some(NAME)), [2]);
        // It may return with another index, and its own is the likeliest one.
        assert_eq!(found(&[0, 1], Some(NAME)), [1]);
        assert_eq!(found(&[0, 1, 2], Some(NAME)), [2, 1]);
        // Once the twin was unplugged too, they cannot be distinguished.
        assert!(found(&[], Some(NAME)).is_empty());
        assert_eq!(found(&[0, 2], Some(NAME)), [2, 0]);
        assert_eq!(found(&[0], Some("Another")), [40]);
    }
}
