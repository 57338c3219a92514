//! Pooled event buffers. A buffer returns to its pool when it is dropped, on any thread, so that
//! the live path does not allocate memory for events.

use super::Event;
use crate::panics::Locked;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

/// Largest number of spare buffers: packets of a millisecond for an eighth of a second.
const MAX_BUFFERS: usize = 128;

/// Largest total capacity of spare buffers in events: 16 MiB, which is five exposures of a sixtieth
/// of a second at 12 million events a second. Buffers that grew in a burst of events are freed
/// afterwards.
const MAX_EVENTS: usize = (16 << 20) / size_of::<Event>();

/// A pool of event buffers.
#[derive(Clone, Debug, Default)]
pub struct EventPool {
    spare: Arc<Mutex<SpareBuffers>>,
}

#[derive(Debug, Default)]
struct SpareBuffers {
    lists: Vec<Vec<Event>>,
    /// Total capacity of the spare buffers, in events.
    capacity: usize,
}

impl SpareBuffers {
    fn take(&mut self) -> Option<Vec<Event>> {
        let list = self.lists.pop()?;
        self.capacity -= list.capacity();
        Some(list)
    }

    fn put_back(&mut self, list: Vec<Event>) {
        let capacity = self.capacity + list.capacity();
        if list.capacity() > 0 && self.lists.len() < MAX_BUFFERS && capacity <= MAX_EVENTS {
            self.capacity = capacity;
            self.lists.push(list);
        }
    }
}

impl EventPool {
    /// Returns an empty buffer. Its capacity is that of its last use.
    pub fn take(&self) -> EventBuffer {
        let spare = self.spare.locked().take();
        EventBuffer { list: spare.unwrap_or_default(), home: Some(self.clone()) }
    }
}

/// A buffer of events, used like a [`Vec`].
#[derive(Debug, Default)]
pub struct EventBuffer {
    list: Vec<Event>,
    home: Option<EventPool>,
}

impl EventBuffer {
    /// A copy with memory from `pool`.
    pub fn copy_in(&self, pool: &EventPool) -> Self {
        let mut copy = pool.take();
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

/// A clone does not belong to a pool.
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
        home.spare.locked().put_back(list);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_dropped_on_another_thread_is_reused_empty_and_a_clone_is_not() {
        let pool = EventPool::default();
        let event = Event { t_us: 1, x: 2, y: 3, polarity: true };
        let mut first = pool.take();
        first.extend([event; 100]);
        let (at, copy) = (first.as_ptr(), first.clone());
        assert!(copy == first && copy.as_ptr() != at);
        std::thread::spawn(move || drop(first)).join().unwrap();
        drop(copy);
        // An allocator would return the freed memory for the next allocation of the same size.
        let decoy = vec![event; 100];
        let again = pool.take();
        assert!(again.is_empty() && again.capacity() >= 100);
        assert!(again.as_ptr() == at && decoy.as_ptr() != at);
        assert!(pool.take().as_ptr() != at, "the same memory was returned twice");
    }

    #[test]
    fn buffers_that_exceed_the_capacity_limit_are_freed() {
        let pool = EventPool::default();
        let mut lists: Vec<_> = (0..2 * MAX_BUFFERS).map(|_| pool.take()).collect();
        lists.iter_mut().for_each(|list| list.reserve_exact(MAX_EVENTS / 10));
        drop(lists);
        let held = pool.spare.lock().unwrap();
        let capacity: usize = held.lists.iter().map(Vec::capacity).sum();
        assert_eq!((held.lists.len(), held.capacity), (10, capacity));
        drop(held);
        let mut lists: Vec<_> = (0..2 * MAX_BUFFERS).map(|_| pool.take()).collect();
        let empty = |pool: &EventPool| {
            let held = pool.spare.lock().unwrap();
            held.lists.is_empty() && held.capacity == 0
        };
        assert!(empty(&pool));
        lists.iter_mut().for_each(|list| {
            list.shrink_to_fit();
            list.reserve_exact(1);
        });
        drop(lists);
        assert_eq!(pool.spare.lock().unwrap().lists.len(), MAX_BUFFERS);
    }
}
