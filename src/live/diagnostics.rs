//! Messages about faults; a repeated message is shown and logged once, and counted.

use crate::panics::Locked;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// One message for the user.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The part of the program that reports it; each part has at most one message.
    pub part: &'static str,
    /// The message, one sentence.
    pub text: String,
    /// How often it was reported.
    pub count: u64,
    /// When it was first reported.
    pub since: Instant,
    /// Whether the fault is still present; otherwise the message is kept only to be read.
    pub active: bool,
}

/// The messages of all threads. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics(Arc<Mutex<Vec<Notice>>>);

impl Diagnostics {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<Notice>) -> T) -> T {
        f(&mut self.0.locked())
    }

    /// Reports `text`. A repeated text is only counted; a new text replaces the part's old one.
    pub fn notify(&self, part: &'static str, text: impl Into<String>) {
        let text = text.into();
        self.with(|list| match list.iter_mut().find(|n| n.part == part) {
            Some(n) if n.text == text => {
                n.count += 1;
                n.active = true;
            }
            known => {
                tracing::warn!(part, "{text}");
                let new = Notice { part, text, count: 1, since: Instant::now(), active: true };
                match known {
                    Some(n) => *n = new,
                    None => list.push(new),
                }
            }
        });
    }

    /// Marks a part's message as no longer active.
    pub fn resolve(&self, part: &'static str) {
        self.with(|list| {
            for notice in list.iter_mut().filter(|n| n.part == part && n.active) {
                notice.active = false;
                tracing::info!(part, count = notice.count, "no longer: {}", notice.text);
            }
        });
    }

    /// Removes a part's message.
    pub fn dismiss(&self, part: &'static str) {
        self.with(|list| list.retain(|n| n.part != part));
    }

    /// All messages, oldest first.
    pub fn list(&self) -> Vec<Notice> {
        self.with(|list| list.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_message_is_counted_and_a_new_one_replaces_it() {
        let notices = Diagnostics::default();
        notices.notify("engine", "it burns");
        notices.notify("engine", "it burns");
        notices.notify("camera", "it is gone");
        notices.resolve("camera");
        let list = notices.list();
        assert_eq!((list[0].text.as_str(), list[0].count, list[0].active), ("it burns", 2, true));
        assert_eq!((list[1].text.as_str(), list[1].active), ("it is gone", false));
        notices.notify("engine", "it smokes");
        assert_eq!((notices.list()[0].text.as_str(), notices.list()[0].count), ("it smokes", 1));
        notices.dismiss("engine");
        assert_eq!(notices.list().len(), 1);
    }
}
