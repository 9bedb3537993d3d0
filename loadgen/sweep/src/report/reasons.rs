//! How the verdict was reached: the facts, the laws, and how they were weighed.

use charts::{Table, escape};
use model::law::Law;

use super::prose;
use crate::result::Sweep;
use crate::verdict::{number, symbol};

/// The evidence and the comparison of the laws.
pub fn html(sweep: &Sweep) -> String {
    let mut html = String::from("<ul class=\"evidence\">");
    for fact in &sweep.verdict.evidence {
        html.push_str(&format!("<li>{}</li>", prose(fact)));
    }
    html.push_str("</ul><h3>The scalability laws</h3>");
    if !sweep.fits.is_empty() {
        html.push_str(&laws(sweep));
    }
    if !sweep.left_out.is_empty() {
        html.push_str("<p>Left out:</p><ul class=\"evidence\">");
        for left in &sweep.left_out {
            let title = Law::named(&left.law).map_or(left.law.as_str(), |law| law.title());
            html.push_str(&format!("<li>{}: {}.</li>", escape(title), escape(&left.reason)));
        }
        html.push_str("</ul>");
    }
    html
}

fn laws(sweep: &Sweep) -> String {
    let mut table =
        Table::new("The laws fitted", ["law", "formula", "parameters, with 95 % intervals", "R²", "RMSE", "AICc"]);
    for fit in &sweep.fits {
        let law = Law::named(&fit.law);
        let order = law.map_or(&[] as &[&str], Law::parameters);
        let parameters: Vec<String> = order
            .iter()
            .filter_map(|name| {
                let value = fit.parameters.get(*name)?;
                Some(format!(
                    "{} = {} ({} to {})",
                    symbol(name),
                    number(value.value),
                    number(value.low),
                    number(value.high)
                ))
            })
            .collect();
        let title = law.map_or(fit.law.as_str(), |law| law.title());
        let fields = [
            if fit.chosen { format!("{title}, chosen") } else { title.to_owned() },
            fit.formula.clone(),
            parameters.join(", "),
            format!("{:.4}", fit.r_squared),
            number(fit.rmse),
            format!("{:.1}", fit.aicc),
        ];
        table = if fit.chosen { table.strong_row(fields) } else { table.row(fields) };
    }
    let rule = "N is the number of replicas, λ what one replica does, σ the share that is contended for, κ the cost of keeping replicas \
         consistent, C a capacity. Each law was fitted by least squares; the intervals are by profile likelihood. AICc weighs how well a law fits \
         against how many parameters it needs: smaller is better, and a difference of 10 leaves the larger no support. Of the laws within 2 of \
         the smallest the one with the fewest parameters is chosen.";
    let none = "No law was chosen: it takes at least five points to tell a bend from chance. Measure more steps or more repeats.";
    format!(
        "{}<p class=\"soft\">{rule}</p>{}",
        table.of_words().html(),
        if sweep.fits.iter().any(|fit| fit.chosen) { String::new() } else { format!("<p>{none}</p>") }
    )
}
