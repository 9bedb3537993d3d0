//! One step, shown and run.

use ::guide::facts::Facts;
use ::guide::lab::{Commands, On, Part};
use ::guide::{place, render, shuffle};

use super::session::Session;

impl Session {
    /// The heading, why, and the question.
    pub async fn show_question(&self) -> anyhow::Result<()> {
        self.record(|step| step.unseen = false)?;
        let (facts, step) = (self.facts().await?, self.step());
        let heading = format!("{}, step {} of {}: {}", self.lab.name(), self.at.step, self.lab.steps.len(), step.title);
        anstream::println!("{}\n", render::heading(&heading, self.style));
        self.show(&facts.text(&step.purpose)?);
        self.show_choices(&facts)
    }

    fn show_choices(&self, facts: &Facts) -> anyhow::Result<()> {
        if let Some(question) = &self.step().question {
            anstream::println!("{}", render::heading("Predict", self.style));
            self.show(&facts.text(&shuffle::question(question, &self.order()?))?);
        }
        Ok(())
    }

    fn show_ask(&self, facts: &Facts) -> anyhow::Result<()> {
        if let Some(ask) = &self.step().ask {
            anstream::println!("{}", render::heading("Answer", self.style));
            self.show(&facts.text(ask)?);
        }
        Ok(())
    }

    /// All that is asked, for whoever answers again.
    pub async fn show_asked(&self) -> anyhow::Result<()> {
        let facts = self.facts().await?;
        self.show_choices(&facts)?;
        self.show_ask(&facts)
    }

    /// What is to be done.
    pub async fn show_task(&self) -> anyhow::Result<()> {
        anstream::println!("{}", render::heading("Do", self.style));
        self.show_parts(&self.facts().await?.parts(&self.step().task)?);
        Ok(())
    }

    /// What to look at. It says how the prediction turns out, so it comes after that.
    pub async fn show_observe(&self) -> anyhow::Result<()> {
        anstream::println!("{}", render::heading("Observe", self.style));
        let facts = self.facts().await?;
        self.show(&facts.text(&self.step().observe)?);
        self.show_ask(&facts)
    }

    /// Text and commands, in their order.
    pub fn show_parts(&self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Text(text) => self.show(text),
                Part::Commands(block) | Part::Answer(block) => {
                    anstream::println!("{}", render::commands(block.place(), &block.script, self.style));
                }
            }
        }
    }

    /// The hint.
    pub async fn show_hint(&self) -> anyhow::Result<()> {
        self.record(|step| step.hints += 1)?;
        self.show(&self.facts().await?.text(&self.step().hint)?);
        Ok(())
    }

    /// The explanation and the commands; asking for it is kept in the record unless the step has passed.
    pub async fn show_solution(&self, counts: bool) -> anyhow::Result<()> {
        if counts {
            self.record(|step| step.solutions += u32::from(step.passed.is_none()))?;
        }
        let parts = self.explained(self.facts().await?.parts(&self.step().solution)?)?;
        self.show_parts(&parts);
        let only_text = !parts.iter().any(|part| matches!(part, Part::Commands(_)));
        if counts && only_text {
            let commands: Vec<Part> = self.step().commands().cloned().map(Part::Commands).collect();
            self.show_parts(&self.facts().await?.parts(&commands)?);
        }
        Ok(())
    }

    /// Runs a block in this terminal.
    pub async fn run_block(&self, block: &Commands) -> anyhow::Result<i64> {
        let script = self.facts().await?.fill(&block.script)?;
        match &block.on {
            On::Node(node) => self.place.attach(node, &script).await,
            On::Here => place::attach_here(&script).await,
        }
    }

    /// A shell where a block of commands is meant to be typed.
    pub async fn shell(&self, on: &On) -> anyhow::Result<()> {
        match on {
            On::Node(node) => {
                anstream::println!("a shell on {node}; `exit` leads back to the lab");
                self.place.attach(node, "exec bash -i").await?;
            }
            On::Here => {
                anstream::println!("a shell on this machine; `exit` leads back to the lab");
                place::attach_here("exec \"${SHELL:-sh}\" -i").await?;
            }
        }
        Ok(())
    }
}
