//! A message that is shown for a few seconds: what was done, or why it failed.

use crate::gui::theme;
use crate::program;
use eframe::egui::{self, Align2, Color32, RichText};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Kind of message; it determines the colour and the duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToastKind {
    Success,
    Error,
    /// Shown on the first run; its time begins with the first picture, which it describes.
    Welcome,
}

impl ToastKind {
    fn duration(self) -> Duration {
        match self {
            Self::Success => Duration::from_secs(5),
            Self::Error => Duration::from_secs(12),
            Self::Welcome => Duration::from_secs(25),
        }
    }
}

/// A message from another thread.
pub(crate) type Message = (ToastKind, String);

/// A message on the screen.
struct Shown {
    kind: ToastKind,
    text: String,
    /// When its time has begun, if it has.
    since: Option<Instant>,
}

/// The current message, and the channel for messages from other threads.
pub(crate) struct Toast {
    shown: Option<Shown>,
    channel: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
}

impl Default for Toast {
    fn default() -> Self {
        Self { shown: None, channel: mpsc::channel() }
    }
}

impl Toast {
    /// Shows `text` in place of the current message.
    pub(crate) fn notify(&mut self, kind: ToastKind, text: impl Into<String>) {
        let since = (kind != ToastKind::Welcome).then(Instant::now);
        let text = program::in_advice(&text.into()).into_owned();
        self.shown = Some(Shown { kind, text, since });
    }

    /// Sender for messages from another thread.
    pub(crate) fn sender(&self) -> mpsc::Sender<Message> {
        self.channel.0.clone()
    }

    /// Removes the message at the end of its time. `has_picture`: there is a picture.
    fn update(&mut self, has_picture: bool, now: Instant) {
        let Some(shown) = &mut self.shown else { return };
        if has_picture && shown.since.is_none() {
            shown.since = Some(now);
        }
        let passed = shown.since.map(|since| now.saturating_duration_since(since));
        if passed.is_some_and(|passed| passed >= shown.kind.duration()) {
            self.shown = None;
        }
    }

    /// Whether there is a message whose time has begun.
    #[cfg(test)]
    pub(crate) fn has_begun(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.since.is_some())
    }

    /// Draws the message; `bottom` is the height of the bars below it, in points. `has_picture`:
    /// there is a picture.
    pub(crate) fn show(&mut self, ui: &egui::Ui, bottom: f32, has_picture: bool) {
        while let Ok((kind, text)) = self.channel.1.try_recv() {
            self.notify(kind, text);
        }
        self.update(has_picture, Instant::now());
        let Some(Shown { kind, text, since }) = &self.shown else { return };
        if let Some(since) = since {
            ui.request_repaint_after(kind.duration().saturating_sub(since.elapsed()));
        }
        let colour = if *kind == ToastKind::Error { theme::WARNING } else { theme::RESTORED };
        let area = egui::Area::new(egui::Id::unique("toast"))
            .order(egui::Order::Foreground)
            .anchor(Align2::LEFT_BOTTOM, [14.0, -bottom - 14.0])
            .interactable(true);
        let clicked = area
            .show(ui, |ui| {
                egui::Frame::new()
                    .fill(Color32::from_gray(38))
                    .stroke(egui::Stroke::new(1.0, colour))
                    .corner_radius(6)
                    .inner_margin(egui::Margin::symmetric(12, 8))
                    .show(ui, |ui| {
                        ui.set_max_width(520.0_f32.min(ui.ctx().content_rect().width() - 60.0));
                        ui.add(egui::Label::new(RichText::new(text)).wrap());
                    });
            })
            .response
            .interact(egui::Sense::click())
            .clicked();
        if clicked {
            self.shown = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_welcome_stays_for_its_time_after_the_first_picture() {
        let start = Instant::now();
        let mut toast = Toast::default();
        let is_shown = |toast: &mut Toast, has_picture, seconds| {
            toast.update(has_picture, start + Duration::from_secs(seconds));
            toast.shown.is_some()
        };
        toast.notify(ToastKind::Welcome, "welcome");
        // A slow machine needs minutes.
        assert!(is_shown(&mut toast, false, 300));
        assert!(is_shown(&mut toast, true, 301));
        // The next source has no picture yet.
        assert!(is_shown(&mut toast, false, 325));
        assert!(!is_shown(&mut toast, true, 326));
        // Other messages do not wait.
        toast.notify(ToastKind::Success, "done");
        assert!(is_shown(&mut toast, false, 0));
        assert!(!is_shown(&mut toast, false, 60));
    }
}
