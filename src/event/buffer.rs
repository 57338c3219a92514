//! Lists of events whose memory comes back: whoever drops one anywhere, on whatever thread,
//! returns it to the store that it was taken from, so that a live path allocates no events.

use super::Event;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Spare lists that are kept at most: packets of a millisecond for an eighth of a second.
const MOST: usize = 128;

/// Events that spare lists have room for at most: 16 MiB, five
/// exposures of a sixtieth of a second at 12 million events a second. Lists that a flood made long go back to
/// the system when it is over.
const MOST_EVENTS: usize = (16 << 20) / size_of::<Event>();

/// Where lists are taken from and come back to.
#[derive(Clone, Debug, Default)]
pub struct EventPool {
    spare: Arc<Mutex<Spare>>,
}

#[derive(Debug, Default)]
struct Spare {
    lists: Vec<Vec<Event>>,
    /// What they have room for together.
    room: usize,
}

impl Spare {
    fn take(&mut self) -> Option<Vec<Event>> {
        let list = self.lists.pop()?;
        self.room -= list.capacity();
        Some(list)
    }

    fn give(&mut self, list: Vec<Event>) {
        let room = self.room + list.capacity();
        if list.capacity() > 0 && self.lists.len() < MOST && room <= MOST_EVENTS {
            self.room = room;
            self.lists.push(list);
        }
    }
}

impl EventPool {
    /// An empty list, with room for as many events as it held before.
    pub fn take(&self) -> EventBuffer {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        EventBuffer { list: spare.unwrap_or_default(), home: Some(self.clone()) }
    }
}

/// A list of events, used as a [`Vec`] is.
#[derive(Debug, Default)]
pub struct EventBuffer {
    list: Vec<Event>,
    home: Option<EventPool>,
}

impl EventBuffer {
    /// A copy with memory from `store`.
    pub fn copy_in(&self, store: &EventPool) -> Self {
        let mut copy = store.take();
        copy.extend_from_slice(self);
        copy
    }
}

impl From<Vec<Event>> for EventBuffer {
    fn from(list: Vec<Event>) -> Self {
        Self { list, home: None }
    }
}

impl FromIterator<Event> for EventBuffer {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        Vec::from_iter(events).into()
    }
}

/// A copy belongs to whoever made it.
impl Clone for EventBuffer {
    fn clone(&self) -> Self {
        self.list.clone().into()
    }
}

impl PartialEq for EventBuffer {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list
    }
}

impl PartialEq<Vec<Event>> for EventBuffer {
    fn eq(&self, other: &Vec<Event>) -> bool {
        self.list == *other
    }
}

impl Deref for EventBuffer {
    type Target = Vec<Event>;

    fn deref(&self) -> &Vec<Event> {
        &self.list
    }
}

impl DerefMut for EventBuffer {
    fn deref_mut(&mut self) -> &mut Vec<Event> {
        &mut self.list
    }
}

impl<'a> IntoIterator for &'a EventBuffer {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl Drop for EventBuffer {
    fn drop(&mut self) {
        let Some(home) = self.home.take() else { return };
        let mut list = std::mem::take(&mut self.list);
        list.clear();
        home.spare.lock().unwrap_or_else(PoisonError::into_inner).give(list);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_on_another_thread_is_handed_out_empty_and_a_copy_is_not() {
        let store = EventPool::default();
        let event = Event { t_us: 1, x: 2, y: 3, polarity: true };
        let mut first = store.take();
        first.extend([event; 100]);
        let (at, copy) = (first.as_ptr(), first.clone());
        assert!(copy == first && copy.as_ptr() != at);
        std::thread::spawn(move || drop(first)).join().unwrap();
        drop(copy);
        // An allocator would give freed memory to the next who asks for as much.
        let decoy = vec![event; 100];
        let again = store.take();
        assert!(again.is_empty() && again.capacity() >= 100);
        assert!(again.as_ptr() == at && decoy.as_ptr() != at);
        assert!(store.take().as_ptr() != at, "handed out twice");
    }

    #[test]
    fn what_a_flood_made_long_is_given_back_to_the_system() {
        let store = EventPool::default();
        let mut lists: Vec<_> = (0..2 * MOST).map(|_| store.take()).collect();
        lists.iter_mut().for_each(|list| list.reserve_exact(MOST_EVENTS / 10));
        drop(lists);
        let held = store.spare.lock().unwrap();
        let room: usize = held.lists.iter().map(Vec::capacity).sum();
        assert_eq!((held.lists.len(), held.room), (10, room));
        drop(held);
        let mut lists: Vec<_> = (0..2 * MOST).map(|_| store.take()).collect();
        let empty = |store: &EventPool| {
            let held = store.spare.lock().unwrap();
            held.lists.is_empty() && held.room == 0
        };
        assert!(empty(&store));
        lists.iter_mut().for_each(|list| {
            list.shrink_to_fit();
            list.reserve_exact(1);
        });
        drop(lists);
        assert_eq!(store.spare.lock().unwrap().lists.len(), MOST);
    }
}
