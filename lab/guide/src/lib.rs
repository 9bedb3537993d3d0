//! The guided labs: their format, the checks, the place where they run, and a student's progress.
//!
//! A lab is a Markdown file that reads well by itself. Here it becomes steps, each with a question, commands and
//! checks; the commands are filled in for the Swarm at hand and run on its nodes, and the checks look at what came of them.

pub mod author;
pub mod beginning;
pub mod check;
pub mod collect;
pub mod coverage;
pub mod facts;
pub mod files;
mod find;
pub mod html;
pub mod images;
pub mod key;
pub mod lab;
pub mod labs;
pub mod lint;
pub mod load;
pub mod machines;
pub mod map;
mod mistake;
pub mod need;
pub mod parse;
pub mod place;
pub mod render;
pub mod report;
pub mod reset;
pub mod rows;
pub mod seal;
pub mod shuffle;
pub mod state;
pub mod syllabus;
