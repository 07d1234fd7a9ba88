# frozen_string_literal: true

# One page for each feed and format; the formats are the templates in _includes.
class Feeds < Jekyll::Generator
  NEWEST = 50

  def generate(site)
    articles = site.collections["articles"].docs.sort_by { |one| one.data["publishedDateTime"] }.reverse
    topics = Hash.new { |all, name| all[name] = [] }
    articles.each { |one| one.data["topics"].each { |name| topics[name] << one } }
    add(site, "/", site.config["title"], articles)
    topics.each { |name, ones| add(site, "/topics/#{slug(name)}/", name, ones) }
  end

  private

  # "C++" and "C#" are two topics.
  def slug(name)
    spelt = name.gsub("+", " plus ").gsub("#", " sharp ").gsub("&", " and ")
    Jekyll::Utils.slugify(spelt, :mode => "default")
  end

  def add(site, folder, title, articles)
    %w(rss.xml atom.xml feed.json).each do |name|
      page = Jekyll::PageWithoutAFile.new(site, site.source, folder, name)
      page.content = "{% include #{name} %}"
      page.data.merge!("layout" => nil, "title" => title, "articles" => articles.first(NEWEST))
      site.pages << page
    end
  end
end
