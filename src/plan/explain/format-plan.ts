/** Writes a distributed plan in the four formats of EXPLAIN; each is a valid document with the servers' documents inside. */
import type { DistributedPlan, ExplainFormat, ExplainStep, PropertyValue } from "./distributed-plan.ts";

/** The rows of the answer: lines for text, one document otherwise. */
export function formatPlan(plan: DistributedPlan, format: ExplainFormat): string[] {
  switch (format) {
    case "text":
      return textLines(plan);
    case "json":
      return [JSON.stringify([jsonPlan(plan)], undefined, 2)];
    case "xml":
      return [xmlDocument(plan)];
    case "yaml":
      return [yamlLines(plan).join("\n")];
  }
}

function textLines(plan: DistributedPlan): string[] {
  const lines = [`Distributed Plan: ${plan.level}`];
  for (const [name, value] of plan.properties) lines.push(`  ${name}: ${inText(value)}`);
  for (const step of plan.steps) lines.push(...stepLines(step, "  "));
  return lines;
}

function stepLines(step: ExplainStep, indent: string): string[] {
  const lines = [`${indent}->  ${step.title}`];
  const inner = `${indent}      `;
  for (const [name, value] of step.properties) lines.push(`${inner}${name}: ${inText(value)}`);
  for (const below of step.steps ?? []) lines.push(...stepLines(below, inner));
  if (step.plan !== undefined) for (const line of step.plan.split("\n")) lines.push(`${inner}${line}`);
  return lines;
}

/** A statement's own line breaks would look like lines of the plan. */
function inText(value: PropertyValue): string {
  const text = typeof value === "object" ? value.join(", ") : String(value);
  return text.replace(/\s*\n\s*/g, " ").trim();
}

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

function jsonPlan(plan: DistributedPlan): Json {
  const distributed: Record<string, Json> = { Level: plan.level };
  for (const [name, value] of plan.properties) distributed[name] = value;
  distributed["Steps"] = plan.steps.map(jsonStep);
  // Tools look for "Plan": where one server does it all, it is that server's.
  const [only] = plan.steps;
  const served = plan.steps.length === 1 && only!.plan !== undefined ? serverObject(only!.plan) : {};
  return { ...served, "Distributed Plan": distributed };
}

function jsonStep(step: ExplainStep): Json {
  const object: Record<string, Json> = { Step: step.title };
  for (const [name, value] of step.properties) object[name] = value;
  if (step.steps !== undefined && step.steps.length > 0) object["Steps"] = step.steps.map(jsonStep);
  if (step.plan !== undefined) Object.assign(object, serverObject(step.plan));
  return object;
}

/** A server answers with an array of one object. */
function serverObject(plan: string): Record<string, Json> {
  const [object] = JSON.parse(plan) as readonly Record<string, Json>[];
  return object ?? {};
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\r": "&#x0d;",
};

function xmlText(value: string | number): string {
  return String(value).replace(/[&<>\r]/g, (c) => escapes[c]!);
}

function xmlProperty(name: string, value: PropertyValue, indent: string): string[] {
  const tag = name.replaceAll(" ", "-");
  if (typeof value !== "object") return [`${indent}<${tag}>${xmlText(value)}</${tag}>`];
  return [
    `${indent}<${tag}>`,
    ...value.map((item) => `${indent}  <Item>${xmlText(item)}</Item>`),
    `${indent}</${tag}>`,
  ];
}

function xmlStep(step: ExplainStep, indent: string): string[] {
  const inner = `${indent}  `;
  const lines = [`${indent}<Step>`, `${inner}<Title>${xmlText(step.title)}</Title>`];
  for (const [name, value] of step.properties) lines.push(...xmlProperty(name, value, inner));
  for (const below of step.steps ?? []) lines.push(...xmlStep(below, inner));
  if (step.plan !== undefined) {
    const content = step.plan.replace(/^<explain[^>]*>\n?/, "").replace(/\n?<\/explain>\s*$/, "");
    lines.push(...content.split("\n").map((line) => `${indent}${line}`));
  }
  lines.push(`${indent}</Step>`);
  return lines;
}

function xmlDocument(plan: DistributedPlan): string {
  const lines = ['<explain xmlns="http://www.postgresql.org/2009/explain">', "  <Distributed-Plan>"];
  lines.push(...xmlProperty("Level", plan.level, "    "));
  for (const [name, value] of plan.properties) lines.push(...xmlProperty(name, value, "    "));
  for (const step of plan.steps) lines.push(...xmlStep(step, "    "));
  lines.push("  </Distributed-Plan>", "</explain>");
  return lines.join("\n");
}

/** A JSON string is a YAML string in double quotes. */
function yamlProperty(name: string, value: PropertyValue, indent: string): string[] {
  if (typeof value !== "object")
    return [`${indent}${name}: ${typeof value === "number" ? value : JSON.stringify(value)}`];
  return [`${indent}${name}:`, ...value.map((item) => `${indent}  - ${JSON.stringify(item)}`)];
}

function yamlSteps(steps: readonly ExplainStep[], indent: string): string[] {
  const lines = [`${indent}Steps:`];
  for (const step of steps) {
    const inner = `${indent}    `;
    lines.push(`${indent}  - Step: ${JSON.stringify(step.title)}`);
    for (const [name, value] of step.properties) lines.push(...yamlProperty(name, value, inner));
    if (step.steps !== undefined && step.steps.length > 0) lines.push(...yamlSteps(step.steps, inner));
    if (step.plan !== undefined) {
      lines.push(`${inner}Explain:`);
      lines.push(...step.plan.split("\n").map((line) => `${inner}  ${line}`));
    }
  }
  return lines;
}

function yamlLines(plan: DistributedPlan): string[] {
  const lines = ["- Distributed Plan:", ...yamlProperty("Level", plan.level, "    ")];
  for (const [name, value] of plan.properties) lines.push(...yamlProperty(name, value, "    "));
  if (plan.steps.length > 0) lines.push(...yamlSteps(plan.steps, "    "));
  return lines;
}
