//! A place for one value, where a newer one takes the place of one that nobody took.
//!
//! This is what keeps latency from growing: a slow reader misses values, it never falls behind.

use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::sync::{Arc, Weak};

/// The end that puts values in.
pub struct MailboxWriter<T> {
    send: Sender<T>,
    /// The writer's own way to take out what is too old.
    receive: Receiver<T>,
    alive: Weak<()>,
}

/// The end that takes values out. Its [`MailboxReader::channel`] can be waited on together with others.
pub struct MailboxReader<T> {
    receive: Receiver<T>,
    _alive: Arc<()>,
}

/// What became of a value.
#[derive(Debug, PartialEq, Eq)]
pub enum PutResult<T> {
    /// The place was free.
    Stored,
    /// The value took the place of this older one, which nobody will see.
    Replaced(T),
    /// There is no reader any more; the value comes back.
    Closed(T),
}

/// An empty slot.
pub fn mailbox<T>() -> (MailboxWriter<T>, MailboxReader<T>) {
    let (send, receive) = crossbeam_channel::bounded(1);
    let alive = Arc::new(());
    let writer = MailboxWriter { send, receive: receive.clone(), alive: Arc::downgrade(&alive) };
    (writer, MailboxReader { receive, _alive: alive })
}

impl<T> MailboxWriter<T> {
    /// Puts `value` in, whether or not the one before was taken. Never waits.
    pub fn put(&self, mut value: T) -> PutResult<T> {
        let mut replaced = None;
        loop {
            if self.alive.strong_count() == 0 {
                return PutResult::Closed(value);
            }
            match self.send.try_send(value) {
                Ok(()) => return replaced.map_or(PutResult::Stored, PutResult::Replaced),
                Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => {
                    value = back;
                    replaced = self.receive.try_recv().ok();
                }
            }
        }
    }
}

impl<T> MailboxReader<T> {
    /// The value, if there is one that was not taken yet.
    pub fn take(&self) -> Option<T> {
        self.receive.try_recv().ok()
    }

    /// For `select!`: gives the value when there is one, an error once the writer is gone.
    pub fn channel(&self) -> &Receiver<T> {
        &self.receive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn the_newest_wins_and_the_older_one_comes_back() {
        let (writer, reader) = mailbox();
        assert_eq!(writer.put(1), PutResult::Stored);
        assert_eq!(writer.put(2), PutResult::Replaced(1));
        assert_eq!(writer.put(3), PutResult::Replaced(2));
        assert_eq!(reader.take(), Some(3));
        assert_eq!(reader.take(), None);
        assert_eq!(writer.put(4), PutResult::Stored);
    }

    #[test]
    fn both_ends_notice_that_the_other_is_gone() {
        let (writer, reader) = mailbox();
        writer.put(1);
        drop(writer);
        assert_eq!(reader.channel().recv(), Ok(1), "what was put in last is still there");
        assert!(reader.channel().recv().is_err());
        let (writer, reader) = mailbox();
        drop(reader);
        assert_eq!(writer.put(1), PutResult::Closed(1));
    }

    #[test]
    fn every_value_is_either_taken_or_given_back_and_order_holds() {
        const COUNT: u32 = 20_000;
        let (writer, reader) = mailbox();
        let taken = std::thread::spawn(move || reader.channel().iter().collect::<VecDeque<u32>>());
        let replaced: Vec<u32> = (0..COUNT)
            .filter_map(|i| match writer.put(i) {
                PutResult::Replaced(old) => Some(old),
                PutResult::Stored | PutResult::Closed(_) => None,
            })
            .collect();
        drop(writer);
        let taken = taken.join().unwrap();
        assert_eq!(taken.back(), Some(&(COUNT - 1)), "the last value is never lost");
        assert!(taken.iter().is_sorted());
        let mut all: Vec<u32> = taken.into_iter().chain(replaced).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..COUNT));
    }
}
