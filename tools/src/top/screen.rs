//! The terminal: taken over, drawn on, given back - at the end, after a failure and after a panic.
//!
//! Must never: leave the terminal raw or on the other screen. The hook that gives it back after a
//! panic runs before the panic's own words, in a build that aborts too.

use super::view::{Line, Panel};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text;
use ratatui::widgets::{Block, Paragraph};
use ratatui::{DefaultTerminal, Frame};
use std::io;
use std::time::Duration;

/// Width from which there are two columns.
const WIDE: u16 = 90;

/// A terminal of ours until it is dropped.
#[derive(Debug)]
pub struct Screen {
    terminal: DefaultTerminal,
}

impl Screen {
    /// Takes the terminal of standard output.
    ///
    /// # Errors
    /// Where it is none, or does not take the commands.
    pub fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                // What of it was done is undone.
                let _ = ratatui::try_restore();
                Err(error)
            }
        }
    }

    /// Draws the panels.
    ///
    /// # Errors
    /// Where the terminal is gone.
    pub(super) fn draw(&mut self, title: &str, columns: &[Vec<Panel>; 2]) -> io::Result<()> {
        self.terminal.draw(|frame| show(frame, title, columns)).map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone need not be given back.
        let _ = ratatui::try_restore();
    }
}

/// Waits so long for a key, or for another size. Whether the user wants to go. Only while a
/// [`Screen`] is open: keys come one by one then.
///
/// # Errors
/// Where the terminal is gone.
pub(super) fn wants_end(patience: Duration) -> io::Result<bool> {
    if !event::poll(patience)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let is_control_c =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let ends = is_control_c || [KeyCode::Char('q'), KeyCode::Esc].contains(&key.code);
    Ok(ends && key.kind == KeyEventKind::Press)
}

fn show(frame: &mut Frame<'_>, title: &str, [left, right]: &[Vec<Panel>; 2]) {
    let rows = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)];
    let [head, body, foot] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(text::Line::from(title), head);
    frame.render_widget(text::Line::from("q ends; the engine is not touched"), foot);
    if body.width >= WIDE {
        let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
        let [west, east] = Layout::horizontal(halves).areas(body);
        column(frame, west, left.iter());
        column(frame, east, right.iter());
    } else {
        column(frame, body, left.iter().chain(right));
    }
}

fn column<'p>(frame: &mut Frame<'_>, area: Rect, panels: impl Iterator<Item = &'p Panel> + Clone) {
    let height = |panel: &Panel| u16::try_from(panel.lines.len()).unwrap_or(u16::MAX);
    let heights = panels.clone().map(|panel| Constraint::Length(height(panel).saturating_add(2)));
    let areas = Layout::vertical(heights).split(area);
    for (panel, area) in panels.zip(areas.iter()) {
        let lines: Vec<_> = panel.lines.iter().map(line).collect();
        let block = Block::bordered().title(panel.title);
        frame.render_widget(Paragraph::new(lines).block(block), *area);
    }
}

fn line(line: &Line) -> text::Line<'_> {
    let style = if line.is_bad { Style::new().fg(Color::Red) } else { Style::new() };
    text::Line::styled(line.text.as_str(), style)
}
