//! A mailbox for one value: a new value replaces one that was not read yet.
//!
//! This bounds the latency: a slow reader skips values but never falls behind.

use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::sync::{Arc, Weak};

/// The writing end of a mailbox.
pub struct MailboxWriter<T> {
    send: Sender<T>,
    /// Removes a value that was not read in time.
    receive: Receiver<T>,
    alive: Weak<()>,
}

/// The reading end of a mailbox. `select!` can wait on its [`MailboxReader::channel`].
pub struct MailboxReader<T> {
    receive: Receiver<T>,
    _alive: Arc<()>,
}

/// Result of [`MailboxWriter::put`].
#[derive(Debug, PartialEq, Eq)]
pub enum PutResult<T> {
    /// The mailbox was empty.
    Stored,
    /// The value replaced this older one, which was never read.
    Replaced(T),
    /// The reader is gone; the value is returned.
    Closed(T),
}

/// Creates an empty mailbox.
pub fn mailbox<T>() -> (MailboxWriter<T>, MailboxReader<T>) {
    let (send, receive) = crossbeam_channel::bounded(1);
    let alive = Arc::new(());
    let writer = MailboxWriter { send, receive: receive.clone(), alive: Arc::downgrade(&alive) };
    (writer, MailboxReader { receive, _alive: alive })
}

impl<T> MailboxWriter<T> {
    /// Stores `value`, replacing an unread one. Never blocks.
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
    /// Removes and returns the value, if there is a new one.
    pub fn take(&self) -> Option<T> {
        self.receive.try_recv().ok()
    }

    /// The channel to wait on in `select!`. It returns the value, or an error once the writer is
    /// gone.
    pub fn channel(&self) -> &Receiver<T> {
        &self.receive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    #[test]
    fn the_newest_value_wins_and_the_older_one_is_returned() {
        let (writer, reader) = mailbox();
        assert_eq!(writer.put(1), PutResult::Stored);
        assert_eq!(writer.put(2), PutResult::Replaced(1));
        assert_eq!(writer.put(3), PutResult::Replaced(2));
        assert_eq!(reader.take(), Some(3));
        assert_eq!(reader.take(), None);
        assert_eq!(writer.put(4), PutResult::Stored);
    }

    #[test]
    fn each_end_detects_that_the_other_is_gone() {
        let (writer, reader) = mailbox();
        writer.put(1);
        drop(writer);
        assert_eq!(reader.channel().recv(), Ok(1), "the last value is still there");
        assert!(reader.channel().recv().is_err());
        let (writer, reader) = mailbox();
        drop(reader);
        assert_eq!(writer.put(1), PutResult::Closed(1));
    }

    #[test]
    fn every_value_is_either_read_or_returned_and_order_is_kept() {
        const COUNT: u32 = 20_000;
        let (writer, reader) = mailbox();
        let read = std::thread::spawn(move || reader.channel().iter().collect::<VecDeque<u32>>());
        let replaced: Vec<u32> = (0..COUNT)
            .filter_map(|i| match writer.put(i) {
                PutResult::Replaced(old) => Some(old),
                PutResult::Stored | PutResult::Closed(_) => None,
            })
            .collect();
        drop(writer);
        let read = read.join().unwrap();
        assert_eq!(read.back(), Some(&(COUNT - 1)), "the last value is never lost");
        assert!(read.iter().is_sorted());
        let mut all: Vec<u32> = read.into_iter().chain(replaced).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..COUNT));
    }
}
