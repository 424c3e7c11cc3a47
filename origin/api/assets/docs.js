// Draws /openapi.json. Text is set as text everywhere: nothing of the document is read as HTML.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Markdown as far as the document uses it: `code`, [text](/path) and paragraphs.
function prose(text) {
  const block = make('div');
  for (const paragraph of (text || '').split(/\n\n+/)) {
    if (!paragraph.trim()) continue;
    const p = make('p');
    for (const part of paragraph.split(/(`[^`]+`|\[[^\]]+\]\(\/[^)\s]*\))/)) {
      const link = /^\[([^\]]+)\]\((\/[^)\s]*)\)$/.exec(part);
      if (link) p.append(make('a', { href: link[2] }, link[1]));
      else if (/^`[^`]+`$/.test(part)) p.append(make('code', {}, part.slice(1, -1)));
      else p.append(part);
    }
    block.append(p);
  }
  return block;
}

function lookUp(api, reference) {
  return reference.slice(2).split('/').reduce((at, key) => (at || {})[key], api) || {};
}

function resolve(api, value) {
  return value && value.$ref ? lookUp(api, value.$ref) : value || {};
}

function limits(schema) {
  const said = [];
  if (schema.format) said.push(schema.format);
  if (schema.enum) said.push(schema.enum.map((value) => JSON.stringify(value)).join(' | '));
  if (schema.pattern) said.push('matches ' + schema.pattern);
  if (schema.minLength !== undefined) said.push('at least ' + schema.minLength + ' characters');
  if (schema.maxLength !== undefined) said.push('at most ' + schema.maxLength + ' characters');
  if (schema.minimum !== undefined) said.push('from ' + schema.minimum);
  if (schema.maximum !== undefined) said.push('to ' + schema.maximum);
  return said.join(', ');
}

function typeOf(schema) {
  if (!schema) return make('span', {}, 'anything');
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    return make('a', { href: '#schema-' + name }, name);
  }
  const several = schema.oneOf || schema.anyOf || schema.allOf;
  if (several) {
    const span = make('span');
    const word = schema.allOf ? ' and ' : ' or ';
    several.forEach((part, at) => span.append(at ? word : '', typeOf(part)));
    return span;
  }
  if (schema.type === 'array') return make('span', {}, 'list of ', typeOf(schema.items));
  const types = Array.isArray(schema.type) ? schema.type : [schema.type || 'anything'];
  const said = limits(schema);
  return make('span', {}, types.filter((type) => type !== 'null').join(' or '), said ? ' (' + said + ')' : '');
}

function table(head, rows) {
  const header = make('tr', {}, ...head.map((text) => make('th', { scope: 'col' }, text)));
  return make('table', {}, header, ...rows);
}

function row(...cells) {
  return make('tr', {}, ...cells.map((cell) => make('td', {}, cell)));
}

function members(schema) {
  const required = new Set(schema.required || []);
  return Object.entries(schema.properties || {}).map(([name, property]) => {
    const title = make('span', {}, make('code', {}, name), required.has(name) ? '' : ' (optional)');
    return row(title, typeOf(property), prose(property.description));
  });
}

function schemaOf(name, schema) {
  const parts = [schema].concat(schema.allOf || []);
  const rows = parts.flatMap(members);
  const bases = parts.filter((part) => part.$ref);
  const block = make('details', { id: 'schema-' + name }, make('summary', {}, make('code', {}, name)), prose(schema.description));
  if (bases.length) block.append(make('p', {}, 'Has all members of ', ...bases.map(typeOf), '.'));
  if (rows.length) block.append(table(['Member', 'Type', ''], rows));
  else if (!bases.length) block.append(make('p', {}, typeOf(schema)));
  return block;
}

function contents(content) {
  const span = make('span');
  Object.entries(content || {}).forEach(([type, media], at) => {
    span.append(at ? ', ' : '', make('code', {}, type));
    if (media.schema && !type.startsWith('application/problem')) span.append(' ', typeOf(media.schema));
  });
  return span;
}

function operationOf(api, path, method, operation) {
  const summary = make('summary', {},
    make('span', { class: 'method' }, method.toUpperCase()),
    make('code', { class: 'path' }, path),
    make('span', { class: 'what' }, operation.summary || ''));
  const block = make('details', { id: operation.operationId }, summary, prose(operation.description));
  const security = operation.security || [];
  if (security.length) {
    const free = security.some((way) => !Object.keys(way).length);
    block.append(make('p', {}, free ? 'An access token is optional.' : 'Needs an access token: ', free ? '' : make('code', {}, 'Authorization: Bearer …')));
  }
  const parameters = (operation.parameters || []).map((parameter) => resolve(api, parameter));
  if (parameters.length) {
    block.append(make('h4', {}, 'Parameters'), table(['Name', 'In', 'Type', ''], parameters.map((parameter) =>
      row(make('code', {}, parameter.name), parameter.in, typeOf(parameter.schema), prose(parameter.description)))));
  }
  if (operation.requestBody) {
    const body = resolve(api, operation.requestBody);
    block.append(make('h4', {}, 'Body'), make('p', {}, contents(body.content)), prose(body.description));
  }
  const responses = Object.entries(operation.responses || {}).map(([status, response]) => {
    const found = resolve(api, response);
    return row(make('code', {}, status), prose(found.description), contents(found.content));
  });
  block.append(make('h4', {}, 'Answers'), table(['Status', '', 'Content'], responses));
  return block;
}

function draw(api) {
  const content = document.getElementById('content');
  content.replaceChildren(prose(api.info.description));
  for (const tag of api.tags || []) {
    const section = make('section', {}, make('h2', {}, tag.name), prose(tag.description));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS) {
        const operation = item[method];
        if (operation && (operation.tags || []).includes(tag.name)) section.append(operationOf(api, path, method, operation));
      }
    }
    content.append(section);
  }
  const schemas = make('section', {}, make('h2', {}, 'Types'));
  for (const [name, schema] of Object.entries((api.components || {}).schemas || {})) schemas.append(schemaOf(name, schema));
  content.append(schemas);
}

function find(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const block of document.querySelectorAll('main details')) {
    const text = block.textContent.toLowerCase();
    block.hidden = !wanted.every((word) => text.includes(word));
  }
}

function open() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === 'DETAILS') {
    target.open = true;
    target.scrollIntoView();
  }
}

async function main() {
  const content = document.getElementById('content');
  try {
    const answer = await fetch('/openapi.json');
    if (!answer.ok) throw new Error('status ' + answer.status);
    draw(await answer.json());
    open();
  } catch (error) {
    content.replaceChildren(make('p', {}, 'The document cannot be shown: ' + error.message));
  }
}

document.getElementById('find').addEventListener('input', (event) => find(event.target.value));
window.addEventListener('hashchange', open);
main();
