//! The alignment dialog: prepare, capture views of the board, check the result, save it.

use crate::gui::action::Action;
use crate::gui::board_search::{BoardSearch, SearchCommand, SearchState};
use crate::gui::session::Session;
use crate::gui::text_format::capitalized;
use crate::gui::theme;
use crate::gui::wake::Wake;
use crate::gui::widgets::{self, hint, title};
use crate::live::{AlignmentHandle, AlignmentHandleError, RigHandle};
use crate::rig::align::{AlignProgress, AlignSettings, Board};
use eframe::egui::{
    self, ColorImage, Rect, RichText, Role, Sense, TextureHandle, Ui, WidgetInfo, vec2,
};

/// Height of the previews, in points.
const PREVIEW_HEIGHT: f32 = 190.0;
/// Names of the three previews.
const PREVIEW_NAMES: [&str; 3] = ["Frame camera", "Event camera", "Event overlay"];

/// The user's choices, and the search while it runs.
pub(crate) struct AlignmentDialog {
    wake: Wake,
    /// Inner corners of the board, across and down.
    corners: [usize; 2],
    /// The board flashes on a screen and is detected in the events.
    flashing: bool,
    search: Option<BoardSearch>,
    /// Latest state of the search.
    state: SearchState,
    /// Previews of that state.
    textures: [Option<TextureHandle>; 3],
    /// Why the search could not be started.
    fault: Option<String>,
}

impl AlignmentDialog {
    pub(crate) fn new(wake: Wake) -> Self {
        let board = Board::default();
        Self {
            wake,
            corners: [board.columns(), board.rows()],
            flashing: false,
            search: None,
            state: SearchState::default(),
            textures: Default::default(),
            fault: None,
        }
    }

    /// Starts the search for the board in what the cameras of this rig see.
    pub(crate) fn begin(&mut self, rig: &RigHandle) {
        let [columns, rows] = self.corners;
        let Some(board) = Board::new(columns, rows) else { return };
        let settings = AlignSettings { board, ..AlignSettings::default() };
        let search = rig.alignment().begin(settings, self.flashing).and_then(|run| {
            BoardSearch::start(run, self.wake.clone()).map_err(AlignmentHandleError::from)
        });
        match search {
            Ok(search) => (self.search, self.fault) = (Some(search), None),
            Err(e) => self.fault = Some(e.to_string()),
        }
    }

    /// Ends the search and discards its state.
    pub(crate) fn end(&mut self) {
        (self.search, self.state, self.fault) = (None, SearchState::default(), None);
        self.textures = Default::default();
    }

    /// The board to search; none if the numbers of corners do not describe one.
    pub(crate) fn board(&self) -> Option<Board> {
        let [columns, rows] = self.corners;
        Board::new(columns, rows)
    }

    /// Progress of the search at the last poll.
    pub(crate) fn progress(&self) -> &AlignProgress {
        &self.state.progress
    }

    /// Whether the frame camera's preview is shown.
    #[cfg(test)]
    pub(crate) fn has_preview(&self) -> bool {
        self.textures[0].is_some()
    }

    /// Takes the newest state of the search and uploads its previews.
    pub(crate) fn poll(&mut self, ui: &Ui) {
        let Some(state) = self.search.as_ref().and_then(BoardSearch::take) else { return };
        for (texture, preview) in self.textures.iter_mut().zip(&state.previews) {
            *texture = preview.as_ref().map(|preview| {
                let size = [preview.size().width, preview.size().height];
                let image = ColorImage::from_rgb(size, &preview.to_rgb());
                ui.load_texture("align", image, Default::default())
            });
        }
        self.state = state;
    }

    /// Sends a command to the search, if one runs.
    fn send(&self, command: SearchCommand) {
        if let Some(search) = &self.search {
            search.send(command);
        }
    }

    /// Draws the dialog.
    pub(crate) fn show(&mut self, ui: &mut Ui, session: &Session) -> Vec<Action> {
        let mut actions = Vec::new();
        self.poll(ui);
        let response = theme::dialog(ui, "align", 760.0, |ui| {
            ui.horizontal(|ui| {
                ui.heading("Align the two cameras");
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if ui.button("Close").clicked() {
                        actions.push(Action::Close);
                    }
                });
            });
            self.steps(ui);
            ui.separator();
            if self.search.is_none() {
                self.prepare(ui, &session.rig_handle.alignment(), &mut actions);
            } else {
                self.capture(ui, &mut actions);
            }
        });
        if response.should_close() {
            actions.push(Action::Close);
        }
        actions
    }

    /// Draws the list of steps with the current one highlighted.
    fn steps(&self, ui: &mut Ui) {
        let current = match (&self.search, &self.state.alignment) {
            (None, _) => 0,
            (Some(_), None) => 1,
            (Some(_), Some(_)) => 2,
        };
        let steps = ["1  Choose a board", "2  Capture views", "3  Check and save"];
        ui.horizontal(|ui| {
            for (i, step) in steps.into_iter().enumerate() {
                let colour = if i == current { theme::RESTORED } else { theme::QUIET };
                ui.label(RichText::new(step).color(colour));
                ui.add_space(14.0);
            }
        });
    }

    fn prepare(&mut self, ui: &mut Ui, alignment: &AlignmentHandle, actions: &mut Vec<Action>) {
        ui.label(match &alignment.used() {
            None if alignment.cameras().is_none() => "This source has one camera, which needs no \
                alignment, or its cameras are not connected yet."
                .to_owned(),
            Some(used) => format!("These cameras are aligned: {}.", used.residual),
            None => {
                "These cameras are not aligned: frames and events are not registered.".to_owned()
            }
        });
        ui.add_space(8.0);
        let flashing = &mut self.flashing;
        ui.radio_value(flashing, false, "A printed chessboard, seen by both cameras");
        hint(ui, "The event camera must also output frames, as a DAVIS does.");
        ui.radio_value(flashing, true, "A chessboard flashing on this screen");
        hint(ui, "Works with every event camera: the flashing squares trigger events.");
        ui.add_space(8.0);
        let [columns, rows] = &mut self.corners;
        ui.horizontal(|ui| {
            ui.label("Inner corners");
            let columns = ui.add(egui::DragValue::new(columns).range(3..=40));
            columns.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Corners across"));
            ui.label("by");
            let rows = ui.add(egui::DragValue::new(rows).range(3..=40));
            rows.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Corners down"));
        });
        let is_board = self.board().is_some();
        if !is_board {
            hint(ui, "One number must be odd and the other even, to tell which side is up.");
        }
        if let Some(why) = &self.fault {
            ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
        }
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            if widgets::primary_button(ui, is_board, "Start").clicked() {
                actions.push(Action::StartAlignment);
            }
            if self.fault.is_some() && ui.button("Choose two cameras").clicked() {
                actions.push(Action::ChooseSource);
            }
        });
    }

    fn capture(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let SearchState { progress, alignment, .. } = &self.state;
        let hint_text = if progress.hint.is_empty() { "waiting for frames" } else { progress.hint };
        title(ui, &capitalized(hint_text));
        let found = [Some(progress.in_frame), Some(progress.in_events), None];
        let shown = if alignment.is_some() { 3 } else { 2 };
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 8.0 * (shown as f32 - 1.0)) / shown as f32;
            for ((texture, name), found) in
                self.textures.iter().zip(PREVIEW_NAMES).zip(found).take(shown)
            {
                ui.vertical(|ui| preview(ui, texture.as_ref(), name, found, width));
            }
        });
        ui.add_space(4.0);
        let fraction = progress.views as f32 / progress.wanted.max(1) as f32;
        let text = format!("{} of {} views", progress.views, progress.wanted);
        ui.add(egui::ProgressBar::new(fraction.min(1.0)).text(text).fill(theme::ACCENT));
        if let Some(why) = &progress.fault {
            ui.add(egui::Label::new(RichText::new(why).color(theme::WARNING)).wrap());
        }
        if let Some(residual) = &progress.residual {
            ui.label(format!("Residual: {residual}"));
        }
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            if ui.add_enabled(progress.views > 0, egui::Button::new("Undo last view")).clicked() {
                self.send(SearchCommand::Undo);
            }
            if ui.button("Restart").clicked() {
                self.send(SearchCommand::Restart);
            }
            let solvable = progress.views > 0 && progress.residual.is_none();
            if ui.add_enabled(solvable, egui::Button::new("Solve now")).clicked() {
                self.send(SearchCommand::Solve);
            }
            if self.flashing && ui.button("Flash the board full screen").clicked() {
                actions.push(Action::ShowBoard);
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let save = widgets::primary_button(ui, alignment.is_some(), "Save and apply");
                if let Some(alignment) = alignment.as_ref().filter(|_| save.clicked()) {
                    actions.push(Action::UseAlignment(Box::new(alignment.clone())));
                    actions.push(Action::Close);
                }
            });
        });
    }
}

/// Draws what one camera sees, and whether the board was found in it.
fn preview(
    ui: &mut Ui,
    texture: Option<&TextureHandle>,
    name: &str,
    found: Option<bool>,
    width: f32,
) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, PREVIEW_HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    ui.painter().rect_filled(rect, 4.0, theme::SURROUND);
    if let Some(texture) = texture {
        let size = texture.size_vec2();
        let scale = (rect.width() / size.x).min(rect.height() / size.y);
        let inner = Rect::from_center_size(rect.center(), size * scale);
        egui::Image::new(texture).paint_at(ui, inner);
    }
    let (status, colour) = match found {
        Some(true) => (": board found", theme::RESTORED),
        Some(false) => (": no board", theme::WARNING),
        None => ("", theme::QUIET),
    };
    ui.label(RichText::new(format!("{name}{status}")).size(12.5).color(colour));
}
