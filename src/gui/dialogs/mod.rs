//! Dialogs of the window.

pub(crate) mod alignment_dialog;
pub(crate) mod board_screen;
pub(crate) mod delete_dialog;
pub(crate) mod export_dialog;
pub(crate) mod file_dialog;
pub(crate) mod film_form;
pub(crate) mod help_dialog;
pub(crate) mod source_dialog;

use super::action::Action;
use super::recording_list::RecordingList;
use super::session::Session;
use super::settings::Settings;
use super::wake::Wake;
use eframe::egui::Ui;

/// A dialog that can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialog {
    Help,
    /// Choice of the source.
    Source,
    /// Confirmation of a deletion.
    Delete,
    /// Export of recordings as a dataset.
    Export,
    /// Alignment of two cameras.
    Alignment,
    /// Flashing board in full screen, over the alignment.
    Board,
}

/// All dialogs; at most one is open.
pub(crate) struct Dialogs {
    pub open: Option<Dialog>,
    pub help: help_dialog::HelpDialog,
    pub source: source_dialog::SourceDialog,
    pub delete: delete_dialog::DeleteDialog,
    pub export: export_dialog::ExportDialog,
    pub alignment: alignment_dialog::AlignmentDialog,
    pub board: board_screen::BoardScreen,
    /// The system's file dialog, which may be open over another one.
    pub file: file_dialog::FileDialog,
}

impl Dialogs {
    pub(crate) fn new(wake: &Wake) -> Self {
        Self {
            open: None,
            help: Default::default(),
            source: Default::default(),
            delete: Default::default(),
            export: export_dialog::ExportDialog::new(wake.clone()),
            alignment: alignment_dialog::AlignmentDialog::new(wake.clone()),
            board: Default::default(),
            file: Default::default(),
        }
    }

    /// Draws the open dialog.
    pub(crate) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        settings: &Settings,
        recordings: &RecordingList,
    ) -> Vec<Action> {
        match self.open {
            Some(Dialog::Help) => self.help.show(ui),
            Some(Dialog::Source) => self.source.show(ui, session),
            Some(Dialog::Delete) => self.delete.show(ui, recordings),
            Some(Dialog::Export) => self.export.show(ui, session, settings),
            Some(Dialog::Alignment) => self.alignment.show(ui, session),
            Some(Dialog::Board) => {
                self.alignment.poll(ui);
                self.board.show(ui, self.alignment.board(), self.alignment.progress());
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// Whether the help is open.
    pub(crate) fn is_help_open(&self) -> bool {
        self.open == Some(Dialog::Help)
    }

    /// Checks whether an export has ended; returns a message unless its dialog shows it.
    pub(crate) fn poll_export(&mut self) -> Option<Action> {
        self.export.poll(self.open == Some(Dialog::Export))
    }

    /// Whether a key with this action is active: while a dialog is open, only those that close it
    /// or quit are.
    pub(crate) fn allow(&self, action: &Action) -> bool {
        self.open.is_none()
            || matches!(action, Action::Close | Action::Quit)
            || (*action == Action::ToggleHelp && self.is_help_open())
    }

    /// Closes the dialog on top, and returns which it was.
    pub(crate) fn close(&mut self) -> Option<Dialog> {
        let closed = self.open.take();
        match closed {
            // The board covers the alignment, which keeps running.
            Some(Dialog::Board) => self.open = Some(Dialog::Alignment),
            Some(Dialog::Alignment) => self.end_alignment(),
            _ => {}
        }
        closed
    }

    /// Closes all dialogs and ends the alignment, for when another source is opened.
    pub(crate) fn reset(&mut self) {
        self.open = None;
        self.end_alignment();
    }

    fn end_alignment(&mut self) {
        self.alignment.end();
        self.board.end();
    }
}
