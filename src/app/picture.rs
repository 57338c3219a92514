//! Pictures in the window.

use crate::frame::Picture;
use eframe::egui;

/// One of the two pictures, kept on the graphics card.
pub(super) struct Side {
    title: &'static str,
    texture: Option<egui::TextureHandle>,
}

impl Side {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, texture: None }
    }

    /// Replaces the picture.
    pub(super) fn set(&mut self, ui: &egui::Ui, picture: &Picture) {
        let size = [picture.size().width, picture.size().height];
        let image = egui::ColorImage::from_rgb(size, &picture.to_rgb());
        let options = egui::TextureOptions::LINEAR;
        match &mut self.texture {
            Some(texture) => texture.set(image, options),
            None => self.texture = Some(ui.load_texture(self.title, image, options)),
        }
    }

    fn show(&self, ui: &mut egui::Ui, width: f32, height: f32) {
        ui.allocate_ui(egui::vec2(width, height), |ui| {
            ui.vertical_centered(|ui| {
                ui.label(egui::RichText::new(self.title).strong().size(15.0));
                if let Some(texture) = &self.texture {
                    let room = egui::vec2(width, ui.available_height().max(1.0));
                    let image = egui::Image::new(texture)
                        .fit_to_exact_size(room)
                        .maintain_aspect_ratio(true)
                        .alt_text(self.title);
                    ui.add(image);
                }
            });
        });
    }
}

/// Both pictures, as large as the room allows, in the middle of it.
pub(super) fn side_by_side(ui: &mut egui::Ui, left: &Side, right: &Side) {
    let room = ui.available_size();
    let width = (room.x - ui.spacing().item_spacing.x) / 2.0;
    let title = ui.spacing().interact_size.y + ui.spacing().item_spacing.y;
    let aspect = left.texture.as_ref().map_or(1.0, egui::TextureHandle::aspect_ratio);
    let height = (width / aspect + title).min(room.y);
    ui.add_space((room.y - height) / 2.0);
    ui.horizontal_top(|ui| {
        left.show(ui, width, height);
        right.show(ui, width, height);
    });
}
