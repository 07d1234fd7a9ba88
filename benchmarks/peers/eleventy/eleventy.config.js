// What feedbot does, said to Eleventy: the 50 newest published articles as RSS, Atom and JSON Feed, for the site
// and for every topic, with their bodies where they have one. No HTML pages. Eleventy has no notion of topics, so
// the articles are sorted into them here; the three feeds are templates without a file of their own.
import { readFileSync } from "node:fs";
import { rssPlugin } from "@11ty/eleventy-plugin-rss";

const NEWEST = 50;
const SITE = { title: "Example Newsroom", url: "https://feeds.example.com/" };

const template = (name) => readFileSync(new URL(name, import.meta.url), "utf8");

// "C++" and "C#" are two topics.
const slug = (topic) => topic.toLowerCase().replaceAll("+", " plus ").replaceAll("#", " sharp ")
  .replaceAll("&", " and ").split(/[^\p{L}\p{N}]+/u).filter(Boolean).join("-");

function feeds(articles) {
  const topics = new Map();
  for (const article of articles)
    for (const topic of article.data.topics)
      topics.set(topic, [...(topics.get(topic) ?? []), article].slice(0, NEWEST));
  const ofTopics = [...topics].map(([title, items]) => ({ title, folder: `topics/${slug(title)}/`, items }));
  return [{ title: SITE.title, folder: "", items: articles.slice(0, NEWEST) }, ...ofTopics];
}

const jsonFeed = ({ title, folder, items }) => JSON.stringify({
  version: "https://jsonfeed.org/version/1.1",
  title,
  home_page_url: SITE.url,
  feed_url: `${SITE.url}${folder}feed.json`,
  items: items.map(({ data, content, inputPath }) => ({
    id: inputPath,
    url: data.webUrl,
    title: data.title,
    summary: data.excerpt,
    ...(content ? { content_html: content } : { content_text: data.excerpt }),
    image: data.images?.[0]?.url,
    date_published: data.publishedDateTime,
    authors: [{ name: data.provider.name }],
    tags: data.topics,
  })),
});

export default function (config) {
  config.addPlugin(rssPlugin);
  config.setUseGitIgnore(false);
  config.addFilter("jsonFeed", jsonFeed);
  config.addGlobalData("site", SITE);
  config.addPreprocessor("unpublished", "md", (data) => (data.published ? undefined : false));
  // An article belongs to its topics and has no page of its own.
  config.addGlobalData("eleventyComputed.permalink", () => (data) =>
    data.page.inputPath.endsWith(".md") ? false : data.permalink);
  config.addCollection("feeds", (api) => feeds(
    api.getFilteredByGlob("**/*.md").sort((a, b) => b.data.publishedDateTime - a.data.publishedDateTime)));
  const contents = { "rss.xml": template("rss.njk"), "atom.xml": template("atom.njk"), "feed.json": "{{ feed | jsonFeed | safe }}" };
  for (const [name, content] of Object.entries(contents))
    config.addTemplate(`${name}.njk`, content, {
      pagination: { data: "collections.feeds", size: 1, alias: "feed" },
      permalink: `{{ feed.folder }}${name}`,
      eleventyExcludeFromCollections: true,
    });
  return { markdownTemplateEngine: false };
}
